/**
 * The interfaces that the datapath hangs on: ports, uplinks, and the idle vxlan device. An interface is made
 * ready in the order in which nothing can slip past: program first, then quiet, then up; and taken down before
 * its program leaves.
 */
import { existsSync, writeFileSync } from "node:fs";
import { err, ok, type Result } from "../base/result.ts";
import type { BpfError } from "../kernel/bpf.ts";
import { turnOff } from "../kernel/ethtool.ts";
import type { SystemError } from "../kernel/libc.ts";
import { createVxlanExternal, deleteLink, readLink, setLink } from "../kernel/links.ts";
import { type NamespaceFinder, withNamespace } from "../kernel/namespace.ts";
import { type NetlinkError, NetlinkSocket } from "../kernel/netlink.ts";
import type { Link } from "../wire/netlink/link.ts";
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

export interface Kernel {
  readonly netlink: NetlinkSocket;
  readonly namespaces: NamespaceFinder;
  readonly datapath: Datapath;
}

/** No IPv6 on a device that is not the host's own voice. Absent when the kernel has none. */
function silenceIpv6(name: string): void {
  const path = `/proc/sys/net/ipv6/conf/${name}/disable_ipv6`;
  if (existsSync(path)) writeFileSync(path, "1");
}

/** Everything of a port but its rows and `up`. Idempotent. */
export function preparePort(
  { netlink, namespaces, datapath }: Kernel,
  link: Link,
  mtu: number,
): Result<null, DeviceError> {
  const attached = datapath.attach("port", link.index);
  if (!attached.ok) return attached;
  silenceIpv6(link.name);
  if (link.arp || link.mtu !== mtu || link.addressGeneration !== "none") {
    const quiet = setLink(netlink, link.index, { arp: false, mtu, addrGenModeNone: true });
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
  /** Something else holds the port: VXLAN is received, but not aggregated. */
  | { readonly at: "occupied" };

export const idleDeviceName = (port: number): string => `weft-idle${port}`;

/** The idle vxlan device of `port`, with its drop-all program before it is up. Idempotent. */
export function prepareIdleDevice(
  { netlink, datapath }: Kernel,
  port: number,
  links: Iterable<Link>,
): Result<IdleDevice, DeviceError> {
  const name = idleDeviceName(port);
  for (const link of links)
    if (link.vxlan && link.vxlan.port === port && link.name !== name)
      return ok({ at: "foreign", name: link.name });
  const device = createVxlanExternal(netlink, name, port);
  if (!device.ok) return device;
  const { index, up } = device.value;
  const attached = datapath.attach("idle", index);
  if (!attached.ok) return attached;
  silenceIpv6(name);
  if (up) return ok({ at: "ready", ifindex: index });
  const raised = setLink(netlink, index, { up: true });
  if (raised.ok) return ok({ at: "ready", ifindex: index });
  datapath.detach("idle", index);
  const gone = deleteLink(netlink, index);
  if (!gone.ok) return gone;
  return raised.error.name === "EADDRINUSE" ? ok({ at: "occupied" }) : raised;
}
