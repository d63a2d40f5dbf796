/** Layers with IP addresses: IPv4, IPv6 and its extension headers. */
import { formatIp } from "../../base/ip.ts";
import { IPV4_OCTETS, parseIpv4 } from "../ipv4.ts";
import {
  extensionOf,
  IPV6_OCTETS,
  type Ipv6Extension,
  parseExtension,
  parseIpv6,
} from "../ipv6.ts";
import { hexOf } from "../octets.ts";
import { type Carrier, type Fields, type Next, noted, type Scan } from "./scan.ts";

const IPV4_RESERVED = 0x8000;

export function ipv4(scan: Scan): Next {
  const header = scan.read("ipv4", parseIpv4, (h, at) => {
    const checksum = scan.checksum(at, IPV4_OCTETS + h.options.length);
    return {
      fields: {
        source: formatIp({ octets: h.source }),
        destination: formatIp({ octets: h.destination }),
        ipProtocol: h.protocol,
        ttl: h.ttl,
        ...classOf(h.trafficClass),
        totalOctets: h.totalOctets,
        identification: h.identification,
        dontFragment: h.dontFragment,
        moreFragments: h.moreFragments,
        fragmentOffset: 8 * h.fragmentOffset,
        options: hexOf(h.options),
        checksum,
      },
      notes: noted({
        ...scan.narrow(at, h.totalOctets),
        "bad-checksum": checksum === "bad",
        "hop-limit-zero": h.ttl === 0,
        "reserved-bits": (scan.view.getUint16(at + 6) & IPV4_RESERVED) !== 0,
        options: h.options.length > 0,
        "source-is-group": (h.source[0] ?? 0) >= 224,
      }),
    };
  });
  if (header === null || header.fragmentOffset > 0) return null;
  const { source, destination, ttl: hopLimit, moreFragments: isFragment } = header;
  const carrier = { endpoints: { source, destination }, hopLimit, isFragment };
  return { kind: "ip-protocol", protocol: header.protocol, carrier };
}

export function ipv6(scan: Scan): Next {
  const header = scan.read("ipv6", parseIpv6, (h, at) => ({
    fields: {
      source: formatIp({ octets: h.source }),
      destination: formatIp({ octets: h.destination }),
      nextHeader: h.nextHeader,
      hopLimit: h.hopLimit,
      ...classOf(h.trafficClass),
      flowLabel: h.flowLabel,
      payloadOctets: h.payloadOctets,
    },
    notes: noted({
      ...scan.narrow(at, IPV6_OCTETS + h.payloadOctets),
      "hop-limit-zero": h.hopLimit === 0,
      "source-is-group": h.source[0] === 0xff,
      "ipv4-mapped": isMapped(h.source) || isMapped(h.destination),
    }),
  }));
  if (header === null) return null;
  const { source, destination, hopLimit } = header;
  return extensions(scan, header.nextHeader, {
    endpoints: { source, destination },
    hopLimit,
    isFragment: false,
  });
}

function extensions(scan: Scan, first: number, carrier: Carrier): Next {
  let protocol = first;
  let isFragment = false;
  for (let kind = extensionOf(protocol); kind !== null; kind = extensionOf(protocol)) {
    const at: Ipv6Extension["kind"] = kind;
    const header = scan.read(
      kind,
      (r) => parseExtension(r, at),
      (extension) => ({ fields: fieldsOf(extension), notes: [] }),
    );
    if (header === null) return null;
    if (header.kind === "fragment") {
      if (header.fragmentOffset > 0) return null;
      isFragment ||= header.moreFragments;
    }
    protocol = header.nextHeader;
  }
  return { kind: "ip-protocol", protocol, carrier: { ...carrier, isFragment } };
}

function fieldsOf(extension: Ipv6Extension): Fields {
  const { nextHeader } = extension;
  if (extension.kind !== "fragment") return { nextHeader, body: hexOf(extension.body) };
  const { moreFragments, fragmentOffset, identification } = extension;
  return { nextHeader, moreFragments, fragmentOffset: 8 * fragmentOffset, identification };
}

const classOf = (trafficClass: number): { readonly dscp: number; readonly ecn: number } => ({
  dscp: trafficClass >> 2,
  ecn: trafficClass & 3,
});

/** RFC 4291 section 2.5.5.2: such addresses are never on a wire. */
const isMapped = (ipv6: Uint8Array): boolean =>
  ipv6.subarray(0, 10).every((octet) => octet === 0) && ipv6[10] === 0xff && ipv6[11] === 0xff;
