/**
 * The scalars of an intent. Each accepts what a person writes and yields canonical text (lower-case MACs,
 * RFC 5952 addresses), so that two spellings of one intent are one intent.
 */
import { z } from "zod";
import {
  contains,
  formatIp,
  formatPrefix,
  type IpAddress,
  type IpPrefix,
  isNetworkPrefix,
  overlaps,
  parseIp,
  parsePrefix,
} from "../../base/ip.ts";
import { formatMac, parseMac } from "../../base/mac.ts";

/** Refuses with a message, and a suggestion when there is one. */
interface Refusal {
  readonly message: string;
  readonly suggestion?: string;
}

/** Text that `refuse` accepts, in the form that `canonical` gives it. */
const text = (
  refuse: (value: string) => Refusal | null,
  canonical: (value: string) => string = (value) => value,
) =>
  z
    .string()
    .superRefine((value, context) => {
      const refusal = refuse(value);
      if (!refusal) return;
      const params = refusal.suggestion === undefined ? {} : { suggestion: refusal.suggestion };
      context.addIssue({ code: "custom", message: refusal.message, params });
    })
    .overwrite((value) => (refuse(value) ? value : canonical(value)));

export const name = text((value) =>
  /^[a-z0-9]([-.a-z0-9]{0,61}[a-z0-9])?$/.test(value)
    ? null
    : {
        message:
          "a name is 1 to 63 of a-z, 0-9, '-' and '.', and begins and ends with a letter or digit",
      },
);

/** A name, or "tenant/name". */
export const reference = text((value) =>
  /^([a-z0-9]([-.a-z0-9]{0,61}[a-z0-9])?\/)?[a-z0-9]([-.a-z0-9]{0,61}[a-z0-9])?$/.test(value)
    ? null
    : { message: "a reference is a name, or tenant/name" },
);

/** LIMIT: 15 octets, the kernel's IFNAMSIZ without its terminator. */
export const interfaceName = text((value) => {
  if (!/^[!-~]+$/.test(value) || /[/:]/.test(value) || value === "." || value === "..")
    return { message: "an interface name is printable ASCII without '/', ':' and spaces" };
  return value.length <= 15
    ? null
    : {
        message: `an interface name has at most 15 octets, this one ${value.length}`,
        suggestion: value.slice(0, 15),
      };
});

/**
 * The IPv4-mapped block (RFC 4291 §2.5.5.2). Tables hold IPv4 there, so an IPv6 prefix that reaches into it
 * would let IPv4 through unseen.
 */
const MAPPED: IpPrefix = {
  family: "ipv6",
  octets: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0),
  bits: 96,
};

function refuseAddress(ip: IpAddress | null): Refusal | null {
  if (!ip) return { message: "not an IPv4 or IPv6 address" };
  return contains(MAPPED, ip)
    ? { message: "an IPv4-mapped address", suggestion: formatIp({ octets: ip.octets.slice(12) }) }
    : null;
}

function refusePrefix(prefix: IpPrefix | null): Refusal | null {
  if (!prefix) return { message: "not a prefix (address/bits)" };
  if (!isNetworkPrefix(prefix))
    return { message: "has bits set after the prefix", suggestion: formatPrefix(masked(prefix)) };
  return prefix.bits > 0 && overlaps(MAPPED, prefix)
    ? { message: "reaches into the IPv4-mapped addresses (::ffff:0:0/96)" }
    : null;
}

/** `prefix` without the bits after it. */
function masked(prefix: IpPrefix): IpPrefix {
  const octets = prefix.octets.map((octet, i) => {
    const left = Math.min(8, Math.max(0, prefix.bits - 8 * i));
    return octet & (0xff << (8 - left));
  });
  return { ...prefix, octets };
}

const canonicalAddress = (value: string): string => {
  const ip = parseIp(value);
  return ip ? formatIp(ip) : value;
};

const canonicalPrefix = (value: string): string => {
  const prefix = parsePrefix(value);
  return prefix ? formatPrefix(prefix) : value;
};

export const address = text((value) => refuseAddress(parseIp(value)), canonicalAddress);

export const prefix = text((value) => refusePrefix(parsePrefix(value)), canonicalPrefix);

export const addressOrPrefix = text(
  (value) =>
    value.includes("/") ? refusePrefix(parsePrefix(value)) : refuseAddress(parseIp(value)),
  (value) => (value.includes("/") ? canonicalPrefix(value) : canonicalAddress(value)),
);

/** A unicast MAC: a group or all-zero address belongs to no station. */
export const mac = text(
  (value) => {
    const octets = parseMac(value);
    if (!octets) return { message: "not a MAC address (six octets in hex, colons between)" };
    const [first = 0] = octets;
    if (octets.every((octet) => octet === 0)) return { message: "the all-zero MAC address" };
    return (first & 1) === 0
      ? null
      : {
          message: "a group MAC address: the lowest bit of its first octet is set",
          suggestion: formatMac(octets.with(0, (first & 0xfe) | 2)),
        };
  },
  (value) => {
    const octets = parseMac(value);
    return octets ? formatMac(octets) : value;
  },
);

/** "10000-19999", or one number. */
export const range = text((value) => {
  const [, from, to] = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(value) ?? [];
  if (from === undefined) return { message: 'not a range ("10000-19999")' };
  if (to !== undefined && Number(to) < Number(from))
    return { message: "a range that ends before it begins", suggestion: `${to}-${from}` };
  return null;
});

/** A list without repetitions. */
export const distinct = <Item extends z.ZodType<string>>(item: Item) =>
  z.array(item).superRefine((values, context) => {
    for (const [i, value] of values.entries())
      if (values.indexOf(value) < i)
        context.addIssue({ code: "custom", path: [i], message: "listed twice" });
  });

/** Free text by free key. */
export const labels = z
  .record(z.string(), z.string())
  .describe("Free words for people, groups and searches.");
