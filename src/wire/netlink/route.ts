/**
 * Routes: RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE for one destination (linux/rtnetlink.h).
 *
 *  |    family     | destination…  |  source bits  |      tos      |
 *  |     table     |   protocol    |     scope     |     type      |
 *  |                            flags                              |     host order
 *  |  attributes …                                                 |
 *
 * Leaves out: dumps of whole tables, encapsulating routes, changing routes.
 */
import { formatIp, type IpAddress } from "../../base/ip.ts";
import type { Reader } from "../reader.ts";
import { parseIpValue } from "./address.ts";
import { emitOctets, parseAttributes } from "./attribute.ts";
import { FLAG, type Request } from "./message.ts";

export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;

const AF_INET = 2;
const AF_INET6 = 10;
/** Answer with the table's entry, all next hops included, instead of the one way that a packet would take. */
const FIB_MATCH = 0x2000;
const DEAD_OR_DOWN = 0x01 | 0x10;

const DESTINATION = 1;
const DEVICE = 4;
const GATEWAY = 5;
const PREFERRED_SOURCE = 7;
const METRICS = 8;
const METRIC_MTU = 2;
const MULTIPATH = 9;
const TABLE = 15;
const VIA = 18;

const TYPES = [
  "unspecified",
  "unicast",
  "local",
  "broadcast",
  "anycast",
  "multicast",
  "blackhole",
  "unreachable",
  "prohibit",
] as const;

export interface Nexthop {
  /** Index of the device to leave by. */
  readonly oif: number;
  /** Null: the destination is on the link. Its family may differ from the destination's. */
  readonly gateway: string | null;
  /** 1..256; shares are in proportion. */
  readonly weight: number;
  /** False while the device is down or has no carrier. */
  readonly usable: boolean;
}

export interface Route {
  readonly type: (typeof TYPES)[number] | "other";
  readonly table: number;
  /** Null for a default route; else with `bits`. */
  readonly destination: string | null;
  readonly bits: number;
  readonly source: string | null;
  /** The route's own limit or the path's that was learned; null: the device's. */
  readonly mtu: number | null;
  /** None for types that go nowhere. */
  readonly nexthops: readonly Nexthop[];
}

export function parseRoute(r: Reader): Route {
  r.skip(1);
  const bits = r.u8();
  r.skip(2);
  let table = r.u8();
  r.skip(2);
  const type = TYPES[r.u8()] ?? "other";
  const flags = r.u32le();
  let destination: string | null = null;
  let oif = 0;
  let gateway: string | null = null;
  let source: string | null = null;
  let mtu: number | null = null;
  let nexthops: readonly Nexthop[] = [];
  parseAttributes(r, (attribute: number, value: Reader) => {
    if (attribute === DESTINATION) destination = parseIpValue(value);
    else if (attribute === DEVICE) oif = value.u32le();
    else if (attribute === GATEWAY) gateway = parseIpValue(value);
    else if (attribute === VIA) gateway = parseVia(value);
    else if (attribute === PREFERRED_SOURCE) source = parseIpValue(value);
    else if (attribute === METRICS) mtu = parseMtu(value);
    else if (attribute === MULTIPATH) nexthops = parseNexthops(value);
    else if (attribute === TABLE) table = value.u32le();
  });
  if (nexthops.length === 0 && oif !== 0)
    nexthops = [{ oif, gateway, weight: 1, usable: (flags & DEAD_OR_DOWN) === 0 }];
  return { type, table, destination, bits, source, mtu, nexthops };
}

/** A gateway with its family before it: an IPv6 next hop of an IPv4 route. */
function parseVia(r: Reader): string {
  const family = r.u16le();
  const octets = family === AF_INET6 ? 16 : 4;
  if (family !== AF_INET && family !== AF_INET6) r.fail("bad-value");
  const address = r.octets(octets);
  return r.fault === "" ? formatIp({ octets: address }) : "";
}

function parseMtu(r: Reader): number | null {
  let mtu: number | null = null;
  parseAttributes(r, (metric: number, value: Reader) => {
    if (metric === METRIC_MTU) mtu = value.u32le() || null;
  });
  return mtu;
}

/** Next hops one after another: octets, flags, weight − 1, device, then each one's attributes. */
function parseNexthops(r: Reader): readonly Nexthop[] {
  const nexthops: Nexthop[] = [];
  while (r.left > 0) {
    const octets = r.u16le();
    const flags = r.u8();
    const weight = r.u8() + 1;
    const oif = r.u32le();
    if (octets < 8) r.fail("bad-length");
    if (r.fault !== "") break;
    const outer = r.enter(octets - 8);
    let gateway: string | null = null;
    parseAttributes(r, (type: number, value: Reader) => {
      if (type === GATEWAY) gateway = parseIpValue(value);
      else if (type === VIA) gateway = parseVia(value);
    });
    r.leave(outer);
    if (r.fault === "")
      nexthops.push({ oif, gateway, weight, usable: (flags & DEAD_OR_DOWN) === 0 });
  }
  return nexthops;
}

/** The way to one destination: of a packet now, or (`entry`) the table's entry with all next hops. */
export function routeQuery(to: IpAddress, entry: boolean): Request {
  return {
    operation: "read route",
    object: formatIp(to),
    type: RTM_GETROUTE,
    flags: FLAG.request,
    emit: (out: DataView, at: number): number => {
      out.setUint8(at, to.family === "ipv6" ? AF_INET6 : AF_INET);
      out.setUint8(at + 1, to.octets.length * 8);
      out.setUint16(at + 2, 0);
      out.setUint32(at + 4, 0);
      out.setUint32(at + 8, entry ? FIB_MATCH : 0, true);
      return emitOctets(out, at + 12, DESTINATION, to.octets);
    },
  };
}
