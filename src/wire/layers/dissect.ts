/**
 * A frame as a list of layers: what each header says, where it lies, and what is odd about it. For people and for
 * `weft decode`; nothing is decided here. A header that cannot be read ends the list. Leaves out: tunnels inside the
 * inner frame, which are a tenant's payload.
 */
import { ETHER_TYPE, isTagType } from "../ethernet.ts";
import { GRE_FLAG, GRE_REFUSED, GRE_VERSION, parseGre } from "../gre.ts";
import { IP_PROTOCOL } from "../ipv4.ts";
import { parseNvgre } from "../nvgre.ts";
import { parseVxlan, VXLAN_FLAG_VNI, VXLAN_OCTETS } from "../vxlan.ts";
import { arp, ethernet, vlan } from "./link.ts";
import { ipv4, ipv6 } from "./network.ts";
import { type Carrier, hex, type Layer, type Next, noted, Scan } from "./scan.ts";
import { icmp, icmp6, tcp, udp } from "./transport.ts";

/** `wireOctets`: the frame's length on the wire, of which `bytes` may be the first part. */
export function dissect(
  bytes: Uint8Array,
  wireOctets: number,
  vxlanPort: number,
): readonly Layer[] {
  const scan = new Scan(bytes, wireOctets, vxlanPort);
  let next: Next = { kind: "ethernet" };
  while (next !== null) next = step(scan, next);
  return scan.finish();
}

/** Reads one header (of IPv6 the whole chain): every turn consumes some octets or ends the walk. */
function step(scan: Scan, next: NonNullable<Next>): Next {
  switch (next.kind) {
    case "ethernet":
      return ethernet(scan);
    case "ether-type":
      if (isTagType(next.etherType)) return vlan(scan);
      if (next.etherType === ETHER_TYPE.ipv4) return ipv4(scan);
      if (next.etherType === ETHER_TYPE.ipv6) return ipv6(scan);
      return next.etherType === ETHER_TYPE.arp ? arp(scan) : null;
    case "ip-protocol":
      return transport(scan, next.protocol, next.carrier);
  }
}

function transport(scan: Scan, protocol: number, carrier: Carrier): Next {
  switch (protocol) {
    case IP_PROTOCOL.udp: {
      const header = udp(scan, carrier);
      return header !== null && !scan.isInner && header.destinationPort === scan.vxlanPort
        ? vxlan(scan)
        : null;
    }
    case IP_PROTOCOL.gre:
      return scan.isInner ? null : gre(scan);
    case IP_PROTOCOL.tcp:
      tcp(scan, carrier);
      return null;
    case IP_PROTOCOL.icmp:
      icmp(scan, carrier);
      return null;
    case IP_PROTOCOL.icmpv6:
      icmp6(scan, carrier);
      return null;
    default:
      return null;
  }
}

/** Without the I flag the number means nothing, and neither does what follows. */
function vxlan(scan: Scan): Next {
  const { pos: at, left } = scan.reader;
  const flags = left >= VXLAN_OCTETS ? scan.view.getUint8(at) : VXLAN_FLAG_VNI;
  if ((flags & VXLAN_FLAG_VNI) === 0) {
    scan.read(
      "vxlan",
      (r) => r.skip(VXLAN_OCTETS),
      () => ({
        fields: { vni: null, flags: hex(flags, 2) },
        notes: noted({ "vni-flag-clear": true }),
      }),
    );
    return null;
  }
  const header = scan.read("vxlan", parseVxlan, ({ vni }) => ({
    fields: { vni, flags: hex(flags, 2) },
    notes: noted({
      "reserved-bits":
        scan.view.getUint32(at) !== VXLAN_FLAG_VNI * 0x100_0000 || scan.view.getUint8(at + 7) !== 0,
    }),
  }));
  return header && enter(scan);
}

/** Bits that NVGRE fixes, and the bits of GRE that a receiver ignores (RFC 2784 section 2.3). */
const NVGRE_FIXED: number =
  GRE_FLAG.checksum | GRE_FLAG.key | GRE_FLAG.sequence | GRE_REFUSED | GRE_VERSION;
const GRE_IGNORED = 0x03f8;

/** NVGRE, or whatever else GRE carries, which is not read further. */
function gre(scan: Scan): Next {
  const { pos: at, left } = scan.reader;
  const flags = left >= 4 ? scan.view.getUint16(at) : 0;
  const type = left >= 4 ? scan.view.getUint16(at + 2) : 0;
  const reserved = { "reserved-bits": (flags & GRE_IGNORED) !== 0 };
  if (type !== ETHER_TYPE.teb || (flags & NVGRE_FIXED) !== GRE_FLAG.key) {
    scan.read("gre", parseGre, ({ protocolType, ...optional }) => ({
      fields: { flags: hex(flags, 4), protocolType: hex(protocolType, 4), ...optional },
      notes: noted(reserved),
    }));
    return null;
  }
  const header = scan.read("nvgre", parseNvgre, ({ vsid, flowId }) => ({
    fields: { vsid, flowId, flags: hex(flags, 4) },
    notes: noted({ ...reserved, "reserved-vsid": vsid < 0x1000 || vsid === 0xffffff }),
  }));
  return header && enter(scan);
}

function enter(scan: Scan): Next {
  scan.isInner = true;
  return { kind: "ethernet" };
}
