/** What rows say in text, as octets of table entries. A row that says it wrong is our bug. */
import { mappedOctets, parseIp } from "../base/ip.ts";
import { parseMac } from "../base/mac.ts";
import { invariant } from "../base/result.ts";

/** The key of an array. */
export function u32(value: number): Uint8Array {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value, true);
  return out;
}

export function address(text: string): Uint8Array {
  const ip = parseIp(text);
  invariant(ip !== null, `a row has no address: ${text}`);
  return mappedOctets(ip);
}

export function mac(text: string): Uint8Array {
  const octets = parseMac(text);
  invariant(octets !== null, `a row has no MAC: ${text}`);
  return octets;
}

export const macOrNone = (text: string | null): Uint8Array =>
  text === null ? new Uint8Array(6) : mac(text);
