/**
 * Our codecs beside those of others: scapy builds frames that we read, and tshark reads frames that we write. Every
 * field that both know must be the same, in every layer.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { decodeFrame } from "../../src/pipeline/decode.ts";
import { openTables } from "../../src/pipeline/underlay-tables.ts";
import { emitArp } from "../../src/wire/arp.ts";
import type { Endpoints } from "../../src/wire/checksum.ts";
import { ETHER_TYPE, emitEthernet, emitVlanTag } from "../../src/wire/ethernet.ts";
import { emitEcho, emitIcmp, emitIcmp6 } from "../../src/wire/icmp.ts";
import { emitIpv4, IP_PROTOCOL, IPV4_OCTETS } from "../../src/wire/ipv4.ts";
import { emitExtension, emitIpv6, IPV6_OCTETS } from "../../src/wire/ipv6.ts";
import { dissect } from "../../src/wire/layers/dissect.ts";
import { type Fields, hex, type Layer } from "../../src/wire/layers/scan.ts";
import { emitNd } from "../../src/wire/nd.ts";
import { emitNvgre, NVGRE_OCTETS } from "../../src/wire/nvgre.ts";
import { parseHex } from "../../src/wire/octets.ts";
import { emitTcp } from "../../src/wire/tcp.ts";
import { emitUdp, emitUdpHeader, UDP_OCTETS } from "../../src/wire/udp.ts";
import { emitVxlan, VXLAN_OCTETS, VXLAN_PORT } from "../../src/wire/vxlan.ts";
import { pcapFile } from "./capture-files.ts";
import { octets, record, u8, u16, u32 } from "./codec.ts";

const options = {
  tables: openTables({ vxlanPort: VXLAN_PORT, innerTags: "drop" }),
  udp6Zero: "accept",
} as const;

test("frames that scapy built", () => {
  const script = join(import.meta.dirname, "scapy_frames.py");
  const done = spawnSync("/usr/bin/python3", [script], { encoding: "utf8" });
  assert.equal(done.status, 0, done.stderr);
  const lines = done.stdout.trim().split("\n");
  assert.ok(lines.length >= 10, "the script told of its frames");
  for (const line of lines) {
    const frame: { hex: string; action: string; layers: Record<string, Fields> } = JSON.parse(line);
    const bytes = parseHex(frame.hex) ?? assert.fail(frame.hex);
    const got = decodeFrame({ bytes, wireOctets: bytes.length }, options);
    assert.equal(got?.action, frame.action, line);
    for (const [protocol, want] of Object.entries(frame.layers)) {
      // The first of the name: of an inner and an outer one, the outer.
      const found: Layer | undefined = got.layers.find((layer) => layer.protocol === protocol);
      for (const [name, value] of Object.entries(want))
        assert.deepEqual(found?.fields[name], value, `${protocol} ${name} of ${line}`);
    }
  }
});

/** What an emitter writes at an offset. */
type Emit = (out: DataView, at: number) => number;
/** An upper layer: its protocol over each family, and how it is written. */
interface Upper {
  readonly ipv4: number | null;
  readonly ipv6: number | null;
  readonly emit: (out: DataView, at: number, ends: Endpoints) => number;
}

const ports = {
  sourcePort: fc.integer({ min: 40_000, max: 65_535 }),
  destinationPort: fc.constant(9),
};
const payload = fc.uint8Array({ maxLength: 40 });

const uppers: fc.Arbitrary<Upper> = fc.oneof(
  record({ ...ports, payload }).map(
    (datagram): Upper => ({
      ipv4: IP_PROTOCOL.udp,
      ipv6: IP_PROTOCOL.udp,
      emit: (out, at, ends) => emitUdp(out, at, ends, datagram),
    }),
  ),
  record({
    ...ports,
    sequence: u32,
    acknowledgment: u32,
    flags: u8,
    window: u16,
    urgent: fc.constant(0),
    options: fc.constant(Uint8Array.of(2, 4, 5, 0xb4)),
    payload,
  }).map(
    (segment): Upper => ({
      ipv4: IP_PROTOCOL.tcp,
      ipv6: IP_PROTOCOL.tcp,
      emit: (out, at, ends) => emitTcp(out, at, ends, segment),
    }),
  ),
  record({ identifier: u16, sequence: u16, data: payload }).map((echo): Upper => {
    const body = new Uint8Array(4 + echo.data.length);
    emitEcho(new DataView(body.buffer), 0, echo);
    return {
      ipv4: IP_PROTOCOL.icmp,
      ipv6: IP_PROTOCOL.icmpv6,
      emit: (out, at, ends) =>
        ends.source.length === 4
          ? emitIcmp(out, at, { type: 8, code: 0, body })
          : emitIcmp6(out, at, ends, { type: 128, code: 0, body }),
    };
  }),
  record({ target: octets(16), mac: octets(6) }).map(
    ({ target, mac }): Upper => ({
      ipv4: null,
      ipv6: IP_PROTOCOL.icmpv6,
      emit: (out, at, ends) =>
        emitNd(out, at, ends, {
          kind: "neighbour-solicitation",
          target,
          options: [{ type: 1, body: mac }],
        }),
    }),
  ),
);

const class_ = { trafficClass: u8 };
/** Addresses that tshark does not take for anything special. */
const address4 = octets(2).map((tail) => Uint8Array.of(10, 1, ...tail));
const address6 = octets(8).map((tail) => Uint8Array.of(0xfd, 0, 0, 1, 0, 0, 0, 0, ...tail));

const ipv4s = record({
  source: address4,
  destination: address4,
  ttl: u8,
  ...class_,
  identification: u16,
  dontFragment: fc.boolean(),
  options: fc.constantFrom(new Uint8Array(0), Uint8Array.of(1, 1, 1, 1)),
});
const ipv6s = record({
  source: address6,
  destination: address6,
  hopLimit: u8,
  ...class_,
  flowLabel: fc.nat(0xfffff),
  isExtended: fc.boolean(),
});

/** A frame's payload with its EtherType. */
interface Payload {
  readonly etherType: number;
  readonly emit: Emit;
}

const overIpv4 = fc
  .tuple(
    ipv4s,
    uppers.filter(({ ipv4 }) => ipv4 !== null),
  )
  .map(
    ([header, upper]): Payload => ({
      etherType: ETHER_TYPE.ipv4,
      emit: (out, at) => {
        const end = upper.emit(out, at + IPV4_OCTETS + header.options.length, header);
        emitIpv4(out, at, {
          ...header,
          moreFragments: false,
          fragmentOffset: 0,
          protocol: upper.ipv4 ?? 0,
          totalOctets: end - at,
        });
        return end;
      },
    }),
  );
const overIpv6 = fc.tuple(ipv6s, uppers).map(
  ([{ isExtended, ...header }, upper]): Payload => ({
    etherType: ETHER_TYPE.ipv6,
    emit: (out, at) => {
      const nextHeader = upper.ipv6 ?? 0;
      // A destination options header of PadN alone.
      const body = Uint8Array.of(1, 4, 0, 0, 0, 0);
      const upperAt = isExtended
        ? emitExtension(out, at + IPV6_OCTETS, { kind: "destination-options", nextHeader, body })
        : at + IPV6_OCTETS;
      const end = upper.emit(out, upperAt, header);
      const payloadOctets = end - at - IPV6_OCTETS;
      emitIpv6(out, at, { ...header, nextHeader: isExtended ? 60 : nextHeader, payloadOctets });
      return end;
    },
  }),
);
const arps = record({
  operation: fc.constantFrom(1, 2),
  senderMac: octets(6),
  senderAddress: address4,
  targetMac: octets(6),
  targetAddress: address4,
}).map(
  (message): Payload => ({
    etherType: ETHER_TYPE.arp,
    emit: (out, at) => emitArp(out, at, message),
  }),
);

const macs = record({ destination: octets(6), source: octets(6) });
const tags = fc.option(
  record({ priority: fc.nat(7), dropEligible: fc.boolean(), vid: fc.nat(4095) }),
);

const ethernets = fc.tuple(macs, tags, fc.oneof(overIpv4, overIpv6, arps)).map(
  ([header, tag, { etherType, emit }]): Emit =>
    (out, at) => {
      const next = emitEthernet(out, at, {
        ...header,
        etherType: tag ? ETHER_TYPE.vlan : etherType,
      });
      return emit(out, tag ? emitVlanTag(out, next, { ...tag, etherType }) : next);
    },
);

const tunnels = fc
  .record({
    inner: ethernets,
    macs,
    over: fc.oneof(ipv4s, ipv6s),
    number: fc.nat(0xffffff),
    flowId: fc.option(u8),
    sourcePort: fc.integer({ min: 49_152, max: 65_535 }),
  })
  .map(
    ({ inner, over, number, flowId, sourcePort, ...frame }): Emit =>
      (out, at) => {
        const isIpv4 = "ttl" in over;
        const ipOctets = isIpv4 ? IPV4_OCTETS + over.options.length : IPV6_OCTETS;
        const shimOctets = flowId === null ? UDP_OCTETS + VXLAN_OCTETS : NVGRE_OCTETS;
        const etherType = isIpv4 ? ETHER_TYPE.ipv4 : ETHER_TYPE.ipv6;
        const ip = emitEthernet(out, at, { ...frame.macs, etherType });
        const end = inner(out, ip + ipOctets + shimOctets);
        const carried = end - ip - ipOctets;
        const protocol = flowId === null ? IP_PROTOCOL.udp : IP_PROTOCOL.gre;
        const fragment = { moreFragments: false, fragmentOffset: 0 };
        const shim = isIpv4
          ? emitIpv4(out, ip, { ...over, ...fragment, protocol, totalOctets: end - ip })
          : emitIpv6(out, ip, { ...over, nextHeader: protocol, payloadOctets: carried });
        if (flowId !== null) emitNvgre(out, shim, { vsid: number, flowId });
        else {
          const udp = { sourcePort, destinationPort: VXLAN_PORT, octets: carried, checksum: 0 };
          emitVxlan(out, emitUdpHeader(out, shim, udp), { vni: number });
        }
        return end;
      },
  );

/** [tshark's field, ours, how tshark writes it]. */
const status = (value: unknown): string => ({ good: "1", bad: "0", none: "3" })[`${value}`] ?? "2";
const text = (value: unknown): string => `${value}`;
const bit = (value: unknown): string => (value === true ? "1" : "0");
const sameFields: readonly (readonly [string, string, string, (value: unknown) => string])[] = [
  ["eth.dst", "ethernet", "destination", text],
  ["eth.src", "ethernet", "source", text],
  ["vlan.id", "vlan", "vid", text],
  ["vlan.priority", "vlan", "priority", text],
  ["vlan.dei", "vlan", "dropEligible", bit],
  ["ip.src", "ipv4", "source", text],
  ["ip.dst", "ipv4", "destination", text],
  ["ip.ttl", "ipv4", "ttl", text],
  ["ip.proto", "ipv4", "ipProtocol", text],
  ["ip.len", "ipv4", "totalOctets", text],
  ["ip.id", "ipv4", "identification", (value) => hex(Number(value), 4)],
  ["ip.flags.df", "ipv4", "dontFragment", bit],
  ["ip.flags.mf", "ipv4", "moreFragments", bit],
  ["ip.frag_offset", "ipv4", "fragmentOffset", text],
  ["ip.dsfield.dscp", "ipv4", "dscp", text],
  ["ip.dsfield.ecn", "ipv4", "ecn", text],
  ["ip.checksum.status", "ipv4", "checksum", status],
  ["ipv6.src", "ipv6", "source", text],
  ["ipv6.dst", "ipv6", "destination", text],
  ["ipv6.hlim", "ipv6", "hopLimit", text],
  ["ipv6.nxt", "ipv6", "nextHeader", text],
  ["ipv6.plen", "ipv6", "payloadOctets", text],
  ["ipv6.flow", "ipv6", "flowLabel", (value) => hex(Number(value), 6)],
  ["ipv6.tclass.dscp", "ipv6", "dscp", text],
  ["ipv6.tclass.ecn", "ipv6", "ecn", text],
  ["ipv6.dstopts.nxt", "destination-options", "nextHeader", text],
  ["udp.srcport", "udp", "sourcePort", text],
  ["udp.dstport", "udp", "destinationPort", text],
  ["udp.length", "udp", "datagramOctets", text],
  ["udp.checksum.status", "udp", "checksum", status],
  ["vxlan.vni", "vxlan", "vni", text],
  ["tcp.srcport", "tcp", "sourcePort", text],
  ["tcp.seq_raw", "tcp", "sequence", text],
  ["tcp.ack_raw", "tcp", "acknowledgment", text],
  ["tcp.window_size_value", "tcp", "window", text],
  ["tcp.checksum.status", "tcp", "checksum", status],
  ["icmp.type", "icmp", "type", text],
  ["icmp.ident", "icmp", "identifier", text],
  ["icmp.checksum.status", "icmp", "checksum", status],
  ["icmpv6.type", "icmpv6", "type", text],
  ["icmpv6.checksum.status", "icmpv6", "checksum", status],
  ["icmpv6.nd.ns.target_address", "icmpv6", "target", text],
  ["icmpv6.opt.linkaddr", "icmpv6", "sourceMac", text],
  ["arp.opcode", "arp", "operation", text],
  ["arp.src.hw_mac", "arp", "senderMac", text],
  ["arp.src.proto_ipv4", "arp", "senderAddress", text],
  ["arp.dst.hw_mac", "arp", "targetMac", text],
  ["arp.dst.proto_ipv4", "arp", "targetAddress", text],
];

function tshark(frames: readonly Uint8Array[], fields: readonly string[]): readonly string[] {
  const directory = mkdtempSync(join(tmpdir(), "weft-t-"));
  try {
    const file = join(directory, "frames.pcap");
    writeFileSync(file, pcapFile(frames.map((bytes) => ({ bytes }))));
    const checks = ["ip", "udp", "tcp"].flatMap((p) => ["-o", `${p}.check_checksum:TRUE`]);
    checks.push("-o", "udp.ignore_ipv6_zero_checksum:TRUE");
    const wanted = fields.flatMap((field) => ["-e", field]);
    const args = ["-r", file, ...checks, "-T", "fields", "-E", "occurrence=a", ...wanted];
    const done = spawnSync("tshark", args, { encoding: "utf8", maxBuffer: 1 << 26 });
    assert.equal(done.status, 0, done.stderr);
    return done.stdout.replace(/\n$/, "").split("\n");
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const said = (layers: readonly Layer[], protocol: string, field: string): readonly unknown[] =>
  layers
    .filter((layer) => layer.protocol === protocol)
    .map(({ fields }) => fields[field])
    .filter((value) => value !== undefined);

const FRAMES = 400;

test("frames that we write, as tshark and we read them", () => {
  const frames = fc.sample(tunnels, { numRuns: FRAMES, seed: 7348 }).map((emit) => {
    const out = new Uint8Array(2048);
    return out.slice(0, emit(new DataView(out.buffer), 0));
  });
  const extra = ["gre.key", "_ws.malformed"];
  const lines = tshark(frames, [...sameFields.map(([name]) => name), ...extra]);
  assert.equal(lines.length, FRAMES);
  const compared = new Set<string>();
  for (const [i, frame] of frames.entries()) {
    const layers = dissect(frame, frame.length, VXLAN_PORT);
    const theirs = lines[i]?.split("\t") ?? [];
    for (const [at, [name, protocol, field, form]] of sameFields.entries()) {
      const ours = said(layers, protocol, field).map(form).join(",");
      assert.equal(ours, theirs[at], `${name} of ${Buffer.from(frame).toString("hex")}`);
      if (ours !== "") compared.add(name);
    }
    const nvgre = layers.find((layer) => layer.protocol === "nvgre")?.fields;
    const key = nvgre ? hex(Number(nvgre.vsid) * 256 + Number(nvgre.flowId), 8) : "";
    assert.deepEqual(theirs.slice(sameFields.length), [key, ""]);
  }
  assert.equal(compared.size, sameFields.length, "every field was there at least once");
});
