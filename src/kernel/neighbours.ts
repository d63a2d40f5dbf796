/** Neighbours on the devices of the socket's namespace, and having the kernel keep some of them resolved. */
import type { IpAddress } from "../base/ip.ts";
import { ok, type Result } from "../base/result.ts";
import {
  type Neighbour,
  neighbourDump,
  neighbourManaging,
  neighbourRelease,
  parseNeighbour,
} from "../wire/netlink/neighbour.ts";
import { ERRNO } from "./libc.ts";
import { ask, type NetlinkError, type NetlinkSocket, perform } from "./netlink.ts";

/** Of both families; of one device if `index` names it. */
export function readNeighbours(
  on: NetlinkSocket,
  index: number | null = null,
): Result<readonly Neighbour[], NetlinkError> {
  return ask(on, neighbourDump(index), parseNeighbour);
}

/**
 * Has the kernel resolve `address` on the device and keep it resolved. Idempotent. On a device that is down
 * the entry waits until it comes up; a device that goes down loses its entries, and this must be called again.
 */
export function manageNeighbour(
  on: NetlinkSocket,
  index: number,
  address: IpAddress,
): Result<void, NetlinkError> {
  return perform(on, neighbourManaging(index, address));
}

/** Ends that; the entry ages as any other. A neighbour, or a device, that is not there is a success. */
export function unmanageNeighbour(
  on: NetlinkSocket,
  index: number,
  address: IpAddress,
): Result<void, NetlinkError> {
  const done = perform(on, neighbourRelease(index, address));
  if (done.ok) return done;
  const { errno } = done.error;
  return errno === ERRNO.ENOENT || errno === ERRNO.ENODEV ? ok(undefined) : done;
}
