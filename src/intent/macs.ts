/** MACs that no workload has: the gateways', one for the fabric, and the routers', one a host (docs/decisions/0014-routing.md). */
import { parseIp } from "../base/ip.ts";
import { formatMac } from "../base/mac.ts";
import { invariant } from "../base/result.ts";
import type { Fabric, Host } from "./intent.ts";

/** Locally administered, like those of routers: nobody's card has them. */
const GATEWAY_MAC = "06:77:65:66:74:01";

/** What every gateway has, on every host. */
export const gatewayMacOf = (fabric: Fabric): string => fabric.spec.gatewayMac ?? GATEWAY_MAC;

/**
 * What other hosts send routed frames to: of the first IPv4 tunnel address, which no other host has, or, where there
 * is none, from the first of IPv6 by a hash.
 */
export function routerMacOf({ spec: { vteps } }: Host): string {
  const ipv4 = vteps.find((vtep) => parseIp(vtep)?.family === "ipv4");
  const octets = parseIp(ipv4 ?? vteps[0] ?? "")?.octets;
  invariant(octets !== undefined, "a host has a tunnel address");
  if (octets.length === 4) return formatMac(Uint8Array.of(0x0a, 0x77, ...octets));
  return formatMac(Uint8Array.of(0x0e, ...hash40Of(octets)));
}

const MASK_64 = (1n << 64n) - 1n;

/** FNV-1a of 64 bits, folded to 40. */
function hash40Of(octets: Uint8Array): Uint8Array {
  let hash = 0xcbf29ce484222325n;
  for (const octet of octets) hash = ((hash ^ BigInt(octet)) * 0x100000001b3n) & MASK_64;
  const folded = (hash >> 40n) ^ hash;
  return Uint8Array.from([32n, 24n, 16n, 8n, 0n], (shift) => Number((folded >> shift) & 0xffn));
}
