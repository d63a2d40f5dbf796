/** Network devices of the socket's namespace: read, change, delete; make a bridge or a VXLAN device with metadata. */
import { err, invariant, ok, type Result } from "../base/result.ts";
import {
  bridgeCreation,
  type Link,
  type LinkChange,
  linkChange,
  linkDump,
  linkQuery,
  linkRemoval,
  parseLink,
  vxlanExternalCreation,
} from "../wire/netlink/link.ts";
import { ERRNO } from "./libc.ts";
import { ask, type NetlinkError, type NetlinkSocket, netlinkError, perform } from "./netlink.ts";

/** In the kernel's order, which is by age. */
export function readLinks(on: NetlinkSocket): Result<readonly Link[], NetlinkError> {
  return ask(on, linkDump(), parseLink);
}

/** Null: there is no such device. */
export function readLink(
  on: NetlinkSocket,
  link: number | string,
): Result<Link | null, NetlinkError> {
  // What cannot be a name is the name of nothing; the kernel would call it an illegal request.
  if (typeof link === "string" && !isInterfaceName(link)) return ok(null);
  const answer = ask(on, linkQuery(link), parseLink);
  if (answer.ok) return ok(answer.value[0] ?? null);
  return answer.error.errno === ERRNO.ENODEV ? ok(null) : answer;
}

/** LIMIT: ASCII only, which is stricter than the kernel's rule. */
const isInterfaceName = (text: string): boolean =>
  /^[!-~]{1,15}$/.test(text) && !/[/:]/.test(text) && text !== "." && text !== "..";

/**
 * Changes what `change` names, so that it is in force before the device comes up: a device that is up has
 * made itself an IPv6 address already. A device that goes down does so first, for a change of MAC may need it.
 */
export function setLink(
  on: NetlinkSocket,
  index: number,
  change: LinkChange,
): Result<void, NetlinkError> {
  const { up, arp, ...rest } = change;
  const flags: LinkChange = {
    ...(up === undefined ? {} : { up }),
    ...(arp === undefined ? {} : { arp }),
  };
  const steps = up === false ? [flags, rest] : [rest, flags];
  for (const step of steps) {
    if (Object.keys(step).length === 0) continue;
    const done = perform(on, linkChange(index, step));
    if (!done.ok) return done;
  }
  return ok(undefined);
}

/** Deleting what is not there is a success. */
export function deleteLink(on: NetlinkSocket, index: number): Result<void, NetlinkError> {
  const done = perform(on, linkRemoval(index));
  return done.ok || done.error.errno !== ERRNO.ENODEV ? done : ok(undefined);
}

/** A bridge called `name`, down; the one that is there already, if it is a bridge. */
export function createBridge(on: NetlinkSocket, name: string): Result<Link, NetlinkError> {
  invariant(isInterfaceName(name), `not an interface name: ${name}`);
  const request = bridgeCreation(name);
  const created = perform(on, request);
  if (!created.ok && created.error.errno !== ERRNO.EEXIST) return created;
  const found = readLink(on, name);
  if (!found.ok) return found;
  if (found.value?.kind === "bridge") return ok(found.value);
  if (!created.ok) return created;
  return err(netlinkError(request, ERRNO.ENODEV, "it vanished as it was made"));
}

/**
 * The idle VXLAN device that gives the namespace a tunnel socket on UDP `port`, so that the kernel gathers
 * received VXLAN into large packets. It is left down, without ARP and without IPv6 addresses; whoever brings
 * it up must have put a drop-all program on it. Answers the one that is there already if it is just such
 * a device. Another holder of the port shows when it comes up: EADDRINUSE.
 */
export function createVxlanExternal(
  on: NetlinkSocket,
  name: string,
  port: number,
): Result<Link, NetlinkError> {
  invariant(isInterfaceName(name), `not an interface name: ${name}`);
  const request = vxlanExternalCreation(name, port);
  const created = perform(on, request);
  if (!created.ok && created.error.errno !== ERRNO.EEXIST) return created;
  const found = readLink(on, name);
  if (!found.ok) return found;
  if (!created.ok) {
    if (found.value?.vxlan?.external && found.value.vxlan.port === port) return ok(found.value);
    return created;
  }
  if (!found.value) return err(netlinkError(request, ERRNO.ENODEV, "it vanished as it was made"));
  const { index } = found.value;
  const quiet = setLink(on, index, { arp: false, addrGenModeNone: true });
  if (!quiet.ok) {
    deleteLink(on, index);
    return quiet;
  }
  const made = readLink(on, index);
  if (!made.ok) return made;
  return made.value
    ? ok(made.value)
    : err(netlinkError(request, ERRNO.ENODEV, "it vanished as it was made"));
}
