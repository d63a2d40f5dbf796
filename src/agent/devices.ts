/**
 * The interfaces that the datapath hangs on: ports, uplinks, and the idle vxlan device. An interface is made
 * ready in the order in which nothing can slip past: program first, then quiet, then up; and taken down before
 * its program leaves.
 */
import { writeFileSync } from "node:fs";
import { err, ok, type Result } from "../base/result.ts";
import type { BpfError } from "../kernel/bpf.ts";
import { turnOff } from "../kernel/ethtool.ts";
import type { SystemError } from "../kernel/libc.ts";
import { createVxlanExternal, deleteLink, readLink, setLink } from "../kernel/links.ts";
import { type NamespaceFinder, withNamespace } from "../kernel/namespace.ts";
import { type NetlinkError, NetlinkSocket } from "../kernel/netlink.ts";
import type { Link } from "../wire/netlink/link.ts";
import { attempt } from "./attempt.ts";
import type { Datapath } from "./datapath.ts";

export type DeviceError = BpfError | NetlinkError | SystemError;

/**
 * Offloads that are off on a workload's end of a veth. What it would leave to segment later arrives here as an
 * aggregate that carries tunnel state, and after our own encapsulation nobody segments it right.
 */
const SEGMENTATION_OFF = [
  "tx-udp-segmentation",
  "tx-udp_tnl-segmentation",
  "tx-udp_tnl-csum-segmentation",
  "tx-gre-segmentation",
  "tx-gre-csum-segmentation",
  "tx-ipxip4-segmentation",
  "tx-ipxip6-segmentation",
];

const VETH_MTU_OCTETS_MAX = 65_535;

export interface Kernel {
  readonly netlink: NetlinkSocket;
  readonly namespaces: NamespaceFinder;
  readonly datapath: Datapath;
}

/** No IPv6 on a device that is not the host's own voice. */
export function silenceIpv6(name: string): Result<null, SystemError> {
  const path = `/proc/sys/net/ipv6/conf/${name}/disable_ipv6`;
  const done = attempt(`write ${path}`, () => writeFileSync(path, "1"));
  // The kernel has no IPv6, or the device is gone: the next event says so.
  return done.ok || done.error.name === "ENOENT" ? ok(null) : done;
}

/**
 * What the host's end of a port takes in. The kernel drops in silence what a veth's other end sends beyond that, and
 * the program could not answer it; a tap takes in everything, and its MTU is its guest's.
 */
const hostMtu = (link: Link, mtu: number): number =>
  link.kind === "veth" ? VETH_MTU_OCTETS_MAX : mtu;

/** Whether a port's interface is as `preparePort` leaves it. A kernel without IPv6 has no addresses to generate. */
export const isQuiet = (link: Link, mtu: number): boolean =>
  !link.arp && link.mtu === hostMtu(link, mtu) && (link.addressGeneration ?? "none") === "none";

/** Everything of a port but its rows and `up`. Idempotent. */
export function preparePort(
  { netlink, namespaces, datapath }: Kernel,
  link: Link,
  mtu: number,
): Result<null, DeviceError> {
  const attached = datapath.attach("port", link.index);
  if (!attached.ok) return attached;
  const silent = silenceIpv6(link.name);
  if (!silent.ok) return silent;
  if (!isQuiet(link, mtu)) {
    const quiet = setLink(netlink, link.index, {
      arp: false,
      mtu: hostMtu(link, mtu),
      addrGenModeNone: true,
    });
    if (!quiet.ok) return quiet;
  }
  return link.kind === "veth" ? limitOffloads(netlink, namespaces, link) : ok(null);
}

/** On the veth's other end, wherever that is. */
function limitOffloads(
  netlink: NetlinkSocket,
  namespaces: NamespaceFinder,
  link: Link,
): Result<null, DeviceError> {
  const { lower, lowerNamespace } = link;
  if (lower === null) return ok(null);
  if (lowerNamespace === null) return limitHere(netlink, lower);
  const path = namespaces.find(lowerNamespace);
  if (path === null)
    return err({
      kind: "system",
      call: `find the namespace of the other end of ${link.name}`,
      errno: 2,
      name: "ENOENT",
      detail: "none of /run/netns and /proc/*/ns/net is it",
    });
  const done = withNamespace(path, (): Result<null, DeviceError> => {
    const there = NetlinkSocket.open();
    if (!there.ok) return there;
    const limited = limitHere(there.value, lower);
    there.value.close();
    return limited;
  });
  return done.ok ? done.value : done;
}

function limitHere(on: NetlinkSocket, ifindex: number): Result<null, DeviceError> {
  const inner = readLink(on, ifindex);
  if (!inner.ok) return inner;
  if (!inner.value) return ok(null); // it is being deleted; the next event says so
  const done = turnOff(inner.value.name, SEGMENTATION_OFF);
  return done.ok ? ok(null) : done;
}

/** A workload's interface comes up only when its rows are in. */
export function raisePort({ netlink }: Kernel, link: Link): Result<null, DeviceError> {
  if (link.up) return ok(null);
  const up = setLink(netlink, link.index, { up: true });
  return up.ok ? ok(null) : up;
}

/** A port that is no port any more: down, so that nothing reaches the host's stack, then let go. */
export function releasePort(
  { netlink, datapath }: Kernel,
  ifindex: number,
): Result<null, DeviceError> {
  const link = readLink(netlink, ifindex);
  if (!link.ok) return link;
  if (link.value?.up) {
    const down = setLink(netlink, ifindex, { up: false });
    if (!down.ok) return down;
  }
  datapath.detach("port", ifindex);
  return ok(null);
}

export type IdleDevice =
  /** Ours, in place and guarded. */
  | { readonly at: "ready"; readonly ifindex: number }
  /** Another vxlan device listens on the port: the kernel has its socket, we make none. */
  | { readonly at: "foreign"; readonly name: string }
  /** The host shares its addresses: the port's socket is left to the other overlay, whenever it comes. */
  | { readonly at: "yielded" }
  /** Something else holds the port: VXLAN is received, but not aggregated. */
  | { readonly at: "occupied" };

const IDLE_PREFIX = "weft-idle";
const idleDeviceName = (port: number): string => `${IDLE_PREFIX}${port}`;

/**
 * The idle vxlan device of `port`, with its drop-all program before it is up; on a host that shares its addresses
 * there is none, for no device of another overlay could come up beside it. Idempotent.
 */
export function prepareIdleDevice(
  kernel: Kernel,
  port: number,
  links: Iterable<Link>,
  shared: boolean,
): Result<IdleDevice, DeviceError> {
  const { netlink, datapath } = kernel;
  const name = idleDeviceName(port);
  const others = [...links].filter((link) => link.vxlan && link.name !== name);
  for (const link of others) {
    // Ours, of a port that the intent named before.
    if (!link.name.startsWith(IDLE_PREFIX)) continue;
    const gone = releaseIdleDevice(kernel, link.index);
    if (!gone.ok) return gone;
  }
  const foreign = others.find((l) => l.vxlan?.port === port && !l.name.startsWith(IDLE_PREFIX));
  if (foreign || shared) {
    // It could not come up beside ours.
    const gone = releaseIdleDevices(kernel);
    if (!gone.ok) return gone;
    return ok(foreign ? { at: "foreign", name: foreign.name } : { at: "yielded" });
  }
  const device = createVxlanExternal(netlink, name, port);
  if (!device.ok) return device;
  const { index, up } = device.value;
  const attached = datapath.attach("idle", index);
  if (!attached.ok) return attached;
  const silent = silenceIpv6(name);
  if (!silent.ok) return silent;
  if (up) return ok({ at: "ready", ifindex: index });
  const raised = setLink(netlink, index, { up: true });
  if (raised.ok) return ok({ at: "ready", ifindex: index });
  const gone = releaseIdleDevice(kernel, index);
  if (!gone.ok) return gone;
  return raised.error.name === "EADDRINUSE" ? ok({ at: "occupied" }) : raised;
}

function releaseIdleDevices(kernel: Kernel): Result<null, DeviceError> {
  for (const ifindex of kernel.datapath.attachedTo("idle")) {
    const gone = releaseIdleDevice(kernel, ifindex);
    if (!gone.ok) return gone;
  }
  return ok(null);
}

/** The device first: without its program it would hand what it receives to the host. */
function releaseIdleDevice(
  { netlink, datapath }: Kernel,
  ifindex: number,
): Result<null, DeviceError> {
  const gone = deleteLink(netlink, ifindex);
  if (!gone.ok) return gone;
  datapath.detach("idle", ifindex);
  return ok(null);
}
