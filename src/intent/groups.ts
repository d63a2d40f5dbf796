/**
 * Underlay multicast groups: which ones a network may have, and which one it has by its number alone
 * (docs/decisions/0008-groups.md). RFC 1112 §6.4, RFC 2365, RFC 3307, RFC 4291 §2.7. Leaves out: joining them, and
 * source-specific multicast.
 */
import {
  contains,
  formatIp,
  type IpAddress,
  type IpFamily,
  type IpPrefix,
  parseIp,
  parsePrefix,
} from "../base/ip.ts";
import { formatMac, multicastMacOf } from "../base/mac.ts";
import { invariant } from "../base/result.ts";
import type { Complaint } from "./report.ts";

/** The number that has 239.1.10.0; from there both count upwards, and the last numbers go on at 239.0.1.0. */
const FIRST_NUMBER = 1000;
/** Offsets in 239.0.0.0/8. */
const FIRST_OFFSET = 0x01_0a_00;
const HALF = 0x80_00_00;
/** 239.0.0.x and 239.128.0.x have the MACs of 224.0.0.x, which switches send everywhere. */
const ALIASES = 0x100;
/** 239.255.255.x is for relative use (RFC 2365 §9): 239.255.255.250 is SSDP's. */
const RELATIVE = 0x100;
const POOL_GROUPS: number = 2 * (HALF - ALIASES) - RELATIVE;

/** The group of the network with `number`, if it gives none. It depends on nothing else, so it never moves. */
export function deriveGroup(number: number, family: IpFamily): string {
  invariant(number >= 0 && number <= 0xff_ff_ff, "a network's number has 24 bits");
  if (family === "ipv6") {
    // Site scope, transient (RFC 4291 §2.7), of the dynamic ids (RFC 3307 §4.3): a MAC of its own for every number.
    const [high, low] = [0x8000 | (number >> 16), number & 0xffff];
    return `ff15::${high.toString(16)}:${low.toString(16)}`;
  }
  const index = (FIRST_OFFSET - ALIASES + number - FIRST_NUMBER) % POOL_GROUPS;
  // The pool leaves out the first 256 of each half.
  const offset = index + (index < HALF - ALIASES ? ALIASES : 2 * ALIASES);
  return `239.${offset >> 16}.${(offset >> 8) & 0xff}.${offset & 0xff}`;
}

const prefixOf = (text: string): IpPrefix => {
  const prefix = parsePrefix(text);
  invariant(prefix !== null, `${text} is a prefix`);
  return prefix;
};

const MULTICAST = [prefixOf("224.0.0.0/4"), prefixOf("ff00::/8")];

const REFUSED: readonly (readonly [within: IpPrefix, what: string])[] = [
  [
    prefixOf("224.0.0.0/24"),
    "of the link-local control block (RFC 5771 §4): no router forwards it",
  ],
  [prefixOf("232.0.0.0/8"), "for source-specific multicast (RFC 4607)"],
];

/** The scopes that reach beyond a link; 0 and 15 are reserved (RFC 7346 §2). */
const SCOPES = { from: 3, to: 14 } as const;

/** Why a network whose underlay is `family` may not have `group`; null if it may. */
export function refuseGroup(group: string, family: IpFamily): Complaint | null {
  const ip = parseIp(group);
  const refuse = (why: string): Complaint => ({
    code: "group-illegal",
    message: `${group} ${why}`,
  });
  if (!ip || !MULTICAST.some((prefix) => contains(prefix, ip)))
    return refuse("is no multicast address");
  if (ip.family !== family) return refuse(`is ${ip.family}, and the network's underlay ${family}`);
  const refused = REFUSED.find(([within]) => contains(within, ip));
  if (refused) return refuse(`is ${refused[1]}`);
  if (family === "ipv4") return null;
  const [, second = 0, third = 0, prefixBits = 0] = ip.octets;
  const scope = second & 0xf;
  if (scope < SCOPES.from || scope > SCOPES.to)
    return refuse(`has scope ${scope}, which stays on a link or is reserved (RFC 7346 §2)`);
  return second >> 4 === 3 && third === 0 && prefixBits === 0
    ? refuse("is for source-specific multicast (RFC 4607)")
    : null;
}

export const macOfGroup = (group: string): string => formatMac(multicastMacOf(groupAddress(group)));

function groupAddress(group: string): IpAddress {
  const ip = parseIp(group);
  invariant(ip !== null, `${group} is a group`);
  return ip;
}

/** A group of the link itself, which every host joins, with the MAC of `group` (RFC 4541 §2.1.2); null if there is none. */
export function controlAliasOf(group: string): string | null {
  const { family, octets } = groupAddress(group);
  const [a = 0, b = 0, c = 0, d = 0] = octets.subarray(-4);
  if (family === "ipv4") return (b & 0x7f) === 0 && c === 0 ? `224.0.0.${d}` : null;
  // All nodes, all routers and their like (RFC 4291 §2.7.1); and solicited nodes.
  const link = (last: number): string =>
    formatIp({ octets: Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, last, a, b, c, d) });
  if (a === 0xff) return link(1);
  return a === 0 && b === 0 && c === 0 ? link(0) : null;
}
