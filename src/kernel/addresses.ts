/** Addresses on the devices of the socket's namespace, and the multicast groups that the kernel is in for their sake. */
import { ok, type Result } from "../base/result.ts";
import {
  type Address,
  addressDump,
  type GroupAddress,
  groupJoining,
  groupLeaving,
  parseAddress,
} from "../wire/netlink/address.ts";
import { ERRNO } from "./libc.ts";
import { ask, type NetlinkError, type NetlinkSocket, perform } from "./netlink.ts";

/** Of both families, all devices. */
export function readAddresses(on: NetlinkSocket): Result<readonly Address[], NetlinkError> {
  return ask(on, addressDump(), parseAddress);
}

/** Has the kernel be a member of a group on a device, by IGMP or MLD, until `leaveGroup`; also when we are gone. Idempotent. */
export function joinGroup(on: NetlinkSocket, of: GroupAddress): Result<void, NetlinkError> {
  const done = perform(on, groupJoining(of));
  return done.ok || done.error.errno !== ERRNO.EEXIST ? done : ok(undefined);
}

/** A membership, or a device, that is not there is a success. */
export function leaveGroup(on: NetlinkSocket, of: GroupAddress): Result<void, NetlinkError> {
  const done = perform(on, groupLeaving(of));
  if (done.ok) return done;
  const { errno } = done.error;
  return errno === ERRNO.EADDRNOTAVAIL || errno === ERRNO.ENODEV ? ok(undefined) : done;
}
