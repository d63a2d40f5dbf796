/**
 * Memberships of underlay groups: the kernel joins and answers queries (IGMPv3, MLDv2), for as long as the group
 * stands among an uplink's addresses. So they outlive the agent, as the datapath does; what we have added carries our
 * mark, and nothing else is touched (docs/decisions/0010-multicast.md).
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseIp } from "../base/ip.ts";
import { ok, type Result } from "../base/result.ts";
import { joinGroup, leaveGroup, readAddresses } from "../kernel/addresses.ts";
import type { SystemError } from "../kernel/libc.ts";
import type { NetlinkError, NetlinkSocket } from "../kernel/netlink.ts";
import type { GroupAddress } from "../wire/netlink/address.ts";
import { attempt } from "./attempt.ts";

/** `ip address … proto`: ours. */
const MARK = 0x77;
/** How many groups one socket may be in; the kernel joins all of a namespace with one. */
const MEMBERSHIPS = "/proc/sys/net/ipv4/igmp_max_memberships";

export interface Membership {
  /** Of the interface. */
  readonly index: number;
  /** Canonical text. */
  readonly group: string;
}

const nameOf = ({ index, group }: Membership): string => `${index} ${group}`;

/** Joins what is wanted, leaves what we had joined and is not. The first failure ends it; the next pass goes on. */
export function applyMemberships(
  netlink: NetlinkSocket,
  wanted: readonly Membership[],
): Result<null, NetlinkError | SystemError> {
  const read = readAddresses(netlink);
  if (!read.ok) return read;
  const ours = read.value
    .filter(({ autojoin, protocol }) => autojoin && protocol === MARK)
    .map(({ index, address }): Membership => ({ index, group: address }));
  const have = new Set(ours.map(nameOf));
  const keep = new Set(wanted.map(nameOf));
  const join = wanted.filter((one) => !have.has(nameOf(one)));
  if (join.length > 0) {
    const room = makeRoom(wanted.length);
    if (!room.ok) return room;
  }
  for (const one of join) {
    const done = joinGroup(netlink, addressOf(one));
    if (!done.ok) return done;
  }
  for (const one of ours) {
    if (keep.has(nameOf(one))) continue;
    const done = leaveGroup(netlink, addressOf(one));
    if (!done.ok) return done;
  }
  return ok(null);
}

function addressOf({ index, group }: Membership): GroupAddress {
  const ip = parseIp(group) ?? { family: "ipv4", octets: new Uint8Array(4) };
  return { index, group: ip, protocol: MARK };
}

/** The kernel's default is 20. Raised, never lowered: others of the namespace may have raised it for themselves. */
function makeRoom(memberships: number): Result<unknown, SystemError> {
  return attempt(`raise ${MEMBERSHIPS}`, () => {
    const most = Number(readFileSync(MEMBERSHIPS, "utf8"));
    if (most < memberships) writeFileSync(MEMBERSHIPS, `${memberships}`);
  });
}
