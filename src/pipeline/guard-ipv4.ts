/** The IPv4 half of the guards: the twin of guard_ipv4 in datapath/lib/guard.h, check by check in its order. */
import { formatIp } from "../base/ip.ts";
import type { VerdictName } from "../rows/abi.generated.ts";
import { ETHERNET_OCTETS } from "../wire/ethernet.ts";
import { IP_PROTOCOL, IPV4_OCTETS } from "../wire/ipv4.ts";
import { isPorted } from "./inner-flow.ts";
import { isTooBig, isTunnel, l4Octets, type Sent } from "./sent.ts";

const DHCP_CLIENT_TO_SERVER = (68 << 16) | 67;

export function refusalOfIpv4(sent: Sent): VerdictName | null {
  const { frame, row, tables } = sent;
  const ip = ETHERNET_OCTETS;
  if (!frame.reaches(ip + IPV4_OCTETS)) return "truncated";
  const first = frame.u8(ip);
  if (first >> 4 !== 4 || (first & 0x0f) < 5) return "truncated";
  const l4 = ip + 4 * (first & 0x0f);
  if (!frame.reaches(l4)) return "truncated";
  const protocol = frame.u8(ip + 9);
  const fragment = frame.u16(ip + 6) & 0x3fff;
  // The first fragment has ports as well.
  const hasPorts = (fragment & 0x1fff) === 0 && isPorted(protocol) && frame.reaches(l4 + 8);
  if (!mayUseIpv4(sent, frame.octetsAt(ip + 12, 4))) {
    // A DHCP client has no address yet (RFC 2131 section 4.1).
    const asks = hasPorts && fragment === 0 && frame.u32(l4) === DHCP_CLIENT_TO_SERVER;
    if (frame.u32(ip + 12) !== 0 || protocol !== IP_PROTOCOL.udp || !asks) return "source-ipv4";
  }
  const port = hasPorts ? frame.u16(l4 + 2) : 0;
  if (row.tenantTunnels === "deny" && isTunnel(protocol, port, tables.vxlanPort))
    return "tunnel-denied";
  return isTooBig(frame, row.mtu, l4 - ip + l4Octets(frame, protocol, l4)) ? "too-big" : null;
}

export function mayUseIpv4({ row, tables }: Sent, address: Uint8Array): boolean {
  const isOwn = formatIp({ octets: address }) === row.ipv4;
  if ((isOwn && address.some((octet) => octet !== 0)) || row.anyIpv4) return true;
  return row.sources && tables.isSource(row.port, { family: "ipv4", octets: address });
}
