/**
 * Neighbours: RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH (linux/neighbour.h). IPv4 and IPv6 only.
 *
 *  |    family     |                       0                       |
 *  |                            index                              |     host order
 *  |             state             |     flags     |     type      |
 *  |  attributes …                                                 |
 *
 * Leaves out: bridge FDB entries, proxies, and entries with a MAC of our own choosing.
 */
import { formatIp, type IpAddress } from "../../base/ip.ts";
import { formatMac } from "../../base/mac.ts";
import type { Reader } from "../reader.ts";
import { parseIpValue } from "./address.ts";
import { emitOctets, emitU32, parseAttributes } from "./attribute.ts";
import { FLAG, type Request } from "./message.ts";

export const RTM_NEWNEIGH = 28;
export const RTM_DELNEIGH = 29;
const RTM_GETNEIGH = 30;

const AF_INET = 2;
const AF_INET6 = 10;
const USE = 0x01;
const ROUTER = 0x80;
const EXTENDED_MANAGED = 0x1;

const DESTINATION = 1;
const LINK_ADDRESS = 2;
const DEVICE = 8;
const EXTENDED_FLAGS = 15;

const STATES: Readonly<Record<number, NeighbourState>> = {
  0: "none",
  1: "incomplete",
  2: "reachable",
  4: "stale",
  8: "delay",
  16: "probe",
  32: "failed",
  64: "noarp",
  128: "permanent",
};

type NeighbourState =
  | "none"
  | "incomplete"
  | "reachable"
  | "stale"
  | "delay"
  | "probe"
  | "failed"
  | "noarp"
  | "permanent";

export interface Neighbour {
  /** Of the device. */
  readonly index: number;
  readonly address: string;
  /** Null until it is resolved, and again when it failed. */
  readonly mac: string | null;
  readonly state: NeighbourState;
  readonly router: boolean;
  /** The kernel keeps it resolved by itself. */
  readonly managed: boolean;
}

/** Null for families that are not IP: bridge FDB entries come over the same group. */
export function parseNeighbour(r: Reader): Neighbour | null {
  const family = r.u8();
  r.skip(3);
  const index = r.s32le();
  const state = STATES[r.u16le()] ?? "none";
  const flags = r.u8();
  r.skip(1);
  if (family !== AF_INET && family !== AF_INET6) {
    r.skip(r.left);
    return null;
  }
  let address = "";
  let mac: string | null = null;
  let extended = 0;
  parseAttributes(r, (type: number, value: Reader) => {
    if (type === DESTINATION) address = parseIpValue(value);
    else if (type === LINK_ADDRESS && value.left === 6) mac = formatMac(value.octets(6));
    else if (type === EXTENDED_FLAGS) extended = value.u32le();
  });
  const router = (flags & ROUTER) !== 0;
  return { index, address, mac, state, router, managed: (extended & EXTENDED_MANAGED) !== 0 };
}

function emitHeader(
  out: DataView,
  at: number,
  head: { readonly family: number; readonly index: number; readonly flags: number },
): number {
  out.setUint32(at, head.family, true);
  out.setInt32(at + 4, head.index, true);
  out.setUint16(at + 8, 0, true);
  out.setUint8(at + 10, head.flags);
  out.setUint8(at + 11, 0);
  return at + 12;
}

const familyOf = (ip: IpAddress): number => (ip.family === "ipv6" ? AF_INET6 : AF_INET);

/** Every neighbour of both families, or those of one device. */
export function neighbourDump(index: number | null): Request {
  return {
    operation: "read neighbours",
    object: index === null ? "" : `device ${index}`,
    type: RTM_GETNEIGH,
    flags: FLAG.request | FLAG.dump,
    emit: (out: DataView, start: number): number => {
      const at = emitHeader(out, start, { family: 0, index: 0, flags: 0 });
      return index === null ? at : emitU32(out, at, DEVICE, index);
    },
  };
}

/** Has the kernel resolve `address` and keep it resolved (NTF_EXT_MANAGED). Repeating it changes nothing. */
export function neighbourManaging(index: number, address: IpAddress): Request {
  return {
    operation: "manage neighbour",
    object: `${formatIp(address)} on device ${index}`,
    type: RTM_NEWNEIGH,
    flags: FLAG.request | FLAG.ack | FLAG.create | FLAG.replace,
    emit: (out: DataView, start: number): number => {
      const at = emitHeader(out, start, { family: familyOf(address), index, flags: USE });
      const next = emitOctets(out, at, DESTINATION, address.octets);
      return emitU32(out, next, EXTENDED_FLAGS, EXTENDED_MANAGED);
    },
  };
}

/**
 * Ends the kernel's care for `address`. The entry stays while traffic of others needs it: an administrative
 * update without the managed flag clears the flag, and USE without CREATE keeps the state as it is.
 */
export function neighbourRelease(index: number, address: IpAddress): Request {
  return {
    operation: "release neighbour",
    object: `${formatIp(address)} on device ${index}`,
    type: RTM_NEWNEIGH,
    flags: FLAG.request | FLAG.ack | FLAG.replace,
    emit: (out: DataView, start: number): number => {
      const at = emitHeader(out, start, { family: familyOf(address), index, flags: USE });
      return emitOctets(out, at, DESTINATION, address.octets);
    },
  };
}
