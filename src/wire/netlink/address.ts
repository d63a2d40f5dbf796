/**
 * Addresses on devices: RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR (linux/if_addr.h).
 *
 *  |    family     |     bits      |     flags     |     scope     |
 *  |                            index                              |     host order
 *  |  attributes …                                                 |
 *
 * Leaves out: adding addresses, lifetimes, labels, broadcast addresses.
 */
import { formatIp } from "../../base/ip.ts";
import type { Reader } from "../reader.ts";
import { parseAttributes } from "./attribute.ts";
import { FLAG, type Request } from "./message.ts";

export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
const RTM_GETADDR = 22;

const ADDRESS = 1;
const LOCAL = 2;
const FLAGS = 8;
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
}

export function parseAddress(r: Reader): Address {
  r.skip(1);
  const bits = r.u8();
  let flags = r.u8();
  const scope = SCOPES[r.u8()] ?? "other";
  const index = r.s32le();
  let address = "";
  let local = "";
  parseAttributes(r, (type: number, value: Reader) => {
    if (type === ADDRESS) address = parseIpValue(value);
    else if (type === LOCAL) local = parseIpValue(value);
    else if (type === FLAGS) flags = value.u32le();
  });
  const usable = (flags & (TENTATIVE | DAD_FAILED)) === 0;
  return { index, address: local || address, bits, scope, usable };
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
