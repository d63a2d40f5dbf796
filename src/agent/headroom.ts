/**
 * Room in front of the frames that workloads send. A sender's kernel reserves what its own device asks for, and a
 * veth's or tap's asks for no outer headers: each small packet is then copied into a larger buffer when it is
 * encapsulated (docs/decisions/0007-headroom.md has the figures). The one way to ask for more is a bridge above the
 * port that has a tunnel device among its ports. Ours stays down and carries nothing: frames never reach it, for
 * `from_port` lets none go on.
 *
 * LIMIT: a bridge takes 1023 ports. The ports beyond them, and those that somebody else has put under another
 * device, are as fast as without.
 */
import { ok, type Result } from "../base/result.ts";
import { ERRNO } from "../kernel/libc.ts";
import { createBridge, createVxlanExternal, setLink } from "../kernel/links.ts";
import type { NetlinkError, NetlinkSocket } from "../kernel/netlink.ts";
import type { Link } from "../wire/netlink/link.ts";

const BRIDGE = "weft-room";
/** Asks for the headers of VXLAN over IPv6, the largest that we write. Never up, so its UDP port is never opened. */
const TUNNEL = "weft-room-vx";
/** The discard service's, which nobody runs a tunnel on. */
const TUNNEL_PORT = 9;

/** The bridge, with its tunnel device; made if it is not there. Idempotent. */
export function prepareHeadroom(
  netlink: NetlinkSocket,
  links: ReadonlyMap<string, Link>,
): Result<Link, NetlinkError> {
  const bridge = links.get(BRIDGE);
  const tunnel = links.get(TUNNEL);
  if (bridge?.kind === "bridge" && tunnel?.master === bridge.index) return ok(bridge);
  const made = createBridge(netlink, BRIDGE);
  if (!made.ok) return made;
  const device = createVxlanExternal(netlink, TUNNEL, TUNNEL_PORT);
  if (!device.ok) return device;
  const joined = setLink(netlink, device.value.index, { master: made.value.index });
  return joined.ok ? ok(made.value) : joined;
}

/** Puts `port` under the bridge, unless somebody else has it. A full bridge is no error: the port goes without. */
export function lendHeadroom(
  netlink: NetlinkSocket,
  port: Link,
  bridge: Link,
): Result<null, NetlinkError> {
  if (port.master !== null) return ok(null);
  const joined = setLink(netlink, port.index, { master: bridge.index });
  return joined.ok || joined.error.errno === ERRNO.EXFULL ? ok(null) : joined;
}

/** A port that is no port any more is its owner's again. */
export function takeHeadroom(
  netlink: NetlinkSocket,
  port: Link,
  links: ReadonlyMap<string, Link>,
): Result<null, NetlinkError> {
  if (port.master === null || port.master !== links.get(BRIDGE)?.index) return ok(null);
  const left = setLink(netlink, port.index, { master: 0 });
  return left.ok ? ok(null) : left;
}
