/**
 * Addresses on devices: RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR (linux/if_addr.h).
 *
 *  |    family     |     bits      |     flags     |     scope     |
 *  |                            index                              |     host order
 *  |  attributes …                                                 |
 *
 * Leaves out: adding other addresses than groups to be in, lifetimes, labels, broadcast addresses.
 */
import { formatIp, type IpAddress } from "../../base/ip.ts";
import type { Reader } from "../reader.ts";
import { emitOctets, emitU8, emitU32, parseAttributes } from "./attribute.ts";
import { FLAG, type Request } from "./message.ts";

export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
const RTM_GETADDR = 22;

const ADDRESS = 1;
const LOCAL = 2;
const FLAGS = 8;
const PROTOCOL = 11;
const NO_DAD = 0x02;
const NO_PREFIX_ROUTE = 0x200;
const AUTOJOIN = 0x400;
const AF_INET = 2;
const AF_INET6 = 10;
const DAD_FAILED = 0x08;
const TENTATIVE = 0x40;

const SCOPES: Readonly<Record<number, Address["scope"]>> = {
  0: "global",
  200: "site",
  253: "link",
  254: "host",
};

export interface Address {
  /** Of the device. */
  readonly index: number;
  /** This end's; on a point-to-point device not the peer's. */
  readonly address: string;
  readonly bits: number;
  readonly scope: "global" | "site" | "link" | "host" | "other";
  /** False while duplicate detection runs and after it failed: the kernel does not send from it. */
  readonly usable: boolean;
  /** A multicast group that the kernel itself is a member of for as long as the address is there. */
  readonly autojoin: boolean;
  /** Who added it, of `ip address … proto`; 0: nobody said. */
  readonly protocol: number;
}

export function parseAddress(r: Reader): Address {
  r.skip(1);
  const bits = r.u8();
  let flags = r.u8();
  const scope = SCOPES[r.u8()] ?? "other";
  const index = r.s32le();
  let address = "";
  let local = "";
  let protocol = 0;
  parseAttributes(r, (type: number, value: Reader) => {
    if (type === ADDRESS) address = parseIpValue(value);
    else if (type === LOCAL) local = parseIpValue(value);
    else if (type === FLAGS) flags = value.u32le();
    else if (type === PROTOCOL) protocol = value.u8();
  });
  const usable = (flags & (TENTATIVE | DAD_FAILED)) === 0;
  const autojoin = (flags & AUTOJOIN) !== 0;
  return { index, address: local || address, bits, scope, usable, autojoin, protocol };
}

/** An address whose family its length tells: canonical text. */
export function parseIpValue(r: Reader): string {
  if (r.left !== 4 && r.left !== 16) r.fail("bad-length");
  return r.fault === "" ? formatIp({ octets: r.octets(r.left) }) : "";
}

/** Every address of both families. */
export function addressDump(): Request {
  return {
    operation: "read addresses",
    object: "",
    type: RTM_GETADDR,
    flags: FLAG.request | FLAG.dump,
    emit: (out: DataView, at: number): number => {
      out.setUint32(at, 0, true);
      out.setUint32(at + 4, 0, true);
      return at + 8;
    },
  };
}

/** A multicast group as an address of the device: the kernel joins it, and stays in it when its asker is gone. */
export interface GroupAddress {
  readonly index: number;
  readonly group: IpAddress;
  /** Marks whose it is. */
  readonly protocol: number;
}

/** Joins it (EEXIST: it is there). */
export const groupJoining = (of: GroupAddress): Request => ({
  ...groupRequest("join group", of),
  type: RTM_NEWADDR,
  flags: FLAG.request | FLAG.ack | FLAG.create | FLAG.exclusive,
});

/** Leaves it (EADDRNOTAVAIL: it is not there). */
export const groupLeaving = (of: GroupAddress): Request => ({
  ...groupRequest("leave group", of),
  type: RTM_DELADDR,
  flags: FLAG.request | FLAG.ack,
});

function groupRequest(
  operation: string,
  { index, group, protocol }: GroupAddress,
): Pick<Request, "operation" | "object" | "emit"> {
  const { octets } = group;
  return {
    operation,
    object: `${formatIp(group)} on ${index}`,
    emit: (out: DataView, start: number): number => {
      out.setUint8(start, octets.length === 4 ? AF_INET : AF_INET6);
      out.setUint8(start + 1, 8 * octets.length);
      out.setUint16(start + 2, 0);
      out.setInt32(start + 4, index, true);
      let at = emitOctets(out, start + 8, LOCAL, octets);
      at = emitOctets(out, at, ADDRESS, octets);
      // The flags of the header have 8 bits; these have 32.
      at = emitU32(out, at, FLAGS, AUTOJOIN | NO_PREFIX_ROUTE | NO_DAD);
      return emitU8(out, at, PROTOCOL, protocol);
    },
  };
}
