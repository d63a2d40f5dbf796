/**
 * What becomes of a frame where there is no intent: the receive rules of RFC 7348 and RFC 7637, each with its section.
 * Frames are built octet by octet, not by the codecs that read them.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type DecodedFrame, type DecodeOptions, decodeFrame } from "../../src/pipeline/decode.ts";
import { openTables } from "../../src/pipeline/underlay-tables.ts";
import {
  arp,
  ethernet,
  filler,
  type Ip4,
  ip4,
  ip6,
  join,
  nvgre,
  tcp,
  u16,
  u32,
  udp,
  vxlan,
} from "../datapath/frame.ts";

const WIRE = { to: "02:57:00:00:00:01", from: "02:57:00:00:00:02" };
const V4 = { from: "192.0.2.2", to: "192.0.2.1" };
const V6 = { from: "2001:db8::2", to: "2001:db8::1" };
const STATIONS = { to: "02:00:00:00:00:01", from: "02:00:00:00:00:02" };
const packet = (ecn = 0): Uint8Array =>
  ip4({ from: "10.0.0.2", to: "10.0.0.1", protocol: 17, tos: ecn }, udp(1, 2, filler(30)));
const inner = (type = 0x0800, body = packet()): Uint8Array => ethernet(STATIONS, type, body);
const tagged = (type: number): Uint8Array => inner(type, join([0, 7, 8, 0], packet()));

interface Bend {
  readonly ip?: Partial<Ip4>;
  readonly shim?: Uint8Array;
  readonly frame?: Uint8Array;
  readonly port?: number;
  readonly udpOctets?: number;
}

const overUdp = ({
  shim = vxlan(5000),
  frame = inner(),
  port = 4789,
  udpOctets,
}: Bend): Uint8Array => udp(50_000, port, join(shim, frame), udpOctets);
const vxlan4 = (bend: Bend = {}): Uint8Array =>
  ethernet(WIRE, 0x0800, ip4({ ...V4, protocol: 17, ...bend.ip }, overUdp(bend)));
const vxlan6 = (bend: Bend = {}, sum = 0): Uint8Array => {
  const datagram = overUdp(bend);
  datagram.set(u16(sum), 6);
  return ethernet(WIRE, 0x86dd, ip6({ ...V6, next: 17 }, datagram));
};
const nvgre4 = ({ ip, shim = nvgre(5000), frame = inner() }: Bend = {}): Uint8Array =>
  ethernet(WIRE, 0x0800, ip4({ ...V4, protocol: 47, ...ip }, shim, frame));
const nvgre6 = ({ shim = nvgre(5000), frame = inner() }: Bend = {}): Uint8Array =>
  ethernet(WIRE, 0x86dd, ip6({ ...V6, next: 47 }, shim, frame));

const plain: DecodeOptions = {
  tables: openTables({ vxlanPort: 4789, innerTags: "drop" }),
  udp6Zero: "accept",
};

function decoded(frame: Uint8Array, options: DecodeOptions = plain): DecodedFrame {
  const got = decodeFrame({ bytes: frame, wireOctets: frame.length }, options);
  assert.ok(got);
  return got;
}

type Outcome = readonly [
  action: DecodedFrame["action"],
  reason?: DecodedFrame["reason"],
  encapsulation?: DecodedFrame["encapsulation"],
  vni?: number | null,
];
const outcome = (frame: Uint8Array, options?: DecodeOptions): Outcome => {
  const { action, reason, encapsulation, vni } = decoded(frame, options);
  return [action, reason, encapsulation, vni];
};

const PASS: Outcome = ["pass", "not-tunnel", null, null];
const vxlanDecap = (vni = 5000): Outcome => ["decap", null, "vxlan", vni];
const nvgreDecap = (vsid = 5000): Outcome => ["decap", null, "nvgre", vsid];
const vxlanDrop = (reason: DecodedFrame["reason"], vni: number | null = null): Outcome => [
  "drop",
  reason,
  "vxlan",
  vni,
];
const nvgreDrop = (reason: DecodedFrame["reason"], vsid: number | null = null): Outcome => [
  "drop",
  reason,
  "nvgre",
  vsid,
];

const badSum = vxlan4();
badSum.set([0xde, 0xad], 14 + 20 + 6);

const vectors: Readonly<Record<string, readonly (readonly [string, Uint8Array, Outcome])[]>> = {
  "VXLAN, RFC 7348": [
    ["5: over IPv4", vxlan4(), vxlanDecap()],
    ["5: over IPv6, no checksum (RFC 6936)", vxlan6(), vxlanDecap()],
    ["5: I flag clear", vxlan4({ shim: vxlan(5000, 0) }), vxlanDrop("vxlan-flags")],
    ["5: every flag but I", vxlan4({ shim: vxlan(5000, 0xf7000000) }), vxlanDrop("vxlan-flags")],
    ["5: reserved bits are ignored", vxlan4({ shim: vxlan(5000, 0xffffffff) }), vxlanDecap()],
    [
      "5: the last octet is no part of the VNI",
      vxlan4({ shim: join(u32(0x08000000), u32(0x001388ff)) }),
      vxlanDecap(),
    ],
    ["5: VNI 0", vxlan4({ shim: vxlan(0) }), vxlanDecap(0)],
    ["5: VNI 0xffffff", vxlan4({ shim: vxlan(0xffffff) }), vxlanDecap(0xffffff)],
    ["5: another port", vxlan4({ port: 8472 }), PASS],
    [
      "5: any source port",
      ethernet(
        WIRE,
        0x0800,
        ip4({ ...V4, protocol: 17 }, udp(1, 4789, join(vxlan(5000), inner()))),
      ),
      vxlanDecap(),
    ],
    ["5: a checksum that is wrong need not be verified", badSum, vxlanDecap()],
    ["4.2: to a group", vxlan4({ ip: { to: "239.1.10.0" } }), vxlanDecap()],
    ["4.3: the first fragment", vxlan4({ ip: { fragment: 0x2000 } }), vxlanDrop("outer-fragment")],
    ["4.3: a later fragment has no port", vxlan4({ ip: { fragment: 0x2001 } }), PASS],
    ["4.3: the last fragment has no port", vxlan4({ ip: { fragment: 0x0010 } }), PASS],
    [
      "6.1: an inner 802.1Q tag",
      vxlan4({ frame: tagged(0x8100) }),
      vxlanDrop("inner-tagged", 5000),
    ],
    [
      "6.1: an inner 802.1ad tag",
      vxlan4({ frame: tagged(0x88a8) }),
      vxlanDrop("inner-tagged", 5000),
    ],
    [
      "no inner Ethernet header",
      vxlan4({ frame: inner().slice(0, 13) }),
      vxlanDrop("inner-truncated", 5000),
    ],
    ["a UDP length short of the headers", vxlan4({ udpOctets: 15 }), vxlanDrop("outer-length")],
    ["a UDP length beyond the packet", vxlan4({ udpOctets: 1000 }), vxlanDrop("outer-length")],
    ["cut off inside the inner frame", vxlan4().slice(0, -5), vxlanDrop("outer-length")],
    [
      "the inner source is a group",
      vxlan4({ frame: ethernet({ ...STATIONS, from: "01:00:5e:00:00:01" }, 0x0800, packet()) }),
      vxlanDrop("inner-source", 5000),
    ],
    [
      "the inner source is nobody",
      vxlan4({ frame: ethernet({ ...STATIONS, from: "00:00:00:00:00:00" }, 0x0800, packet()) }),
      vxlanDrop("inner-source", 5000),
    ],
    ["cut off inside the header", vxlan4().slice(0, 14 + 20 + 15), vxlanDrop("outer-truncated")],
    ["IPv4 options", vxlan4({ ip: { options: filler(40) } }), vxlanDecap()],
  ],
  "NVGRE, RFC 7637": [
    ["3.2: over IPv4", nvgre4(), nvgreDecap()],
    ["3.2: over IPv6", nvgre6(), nvgreDecap()],
    ["3.2: a checksum", nvgre4({ shim: nvgre(5000, 0xa000) }), nvgreDrop("nvgre-header")],
    ["3.2: a sequence number", nvgre4({ shim: nvgre(5000, 0x3000) }), nvgreDrop("nvgre-header")],
    ["3.2: no key", nvgre4({ shim: nvgre(5000, 0) }), nvgreDrop("nvgre-header")],
    ["3.2: IPv4 inside", nvgre4({ shim: nvgre(5000, 0x2000, 0x0800) }), PASS],
    ["3.2: ERSPAN inside", nvgre4({ shim: nvgre(5000, 0x2000, 0x88be) }), PASS],
    [
      "3.3: an inner 802.1Q tag",
      nvgre4({ frame: tagged(0x8100) }),
      nvgreDrop("inner-tagged", 5000),
    ],
    ["3.4: VSID 0", nvgre4({ shim: nvgre(0) }), nvgreDrop("unknown-vni", 0)],
    ["3.4: VSID 0xfff", nvgre4({ shim: nvgre(0xfff) }), nvgreDrop("unknown-vni", 0xfff)],
    ["3.4: VSID 0x1000", nvgre4({ shim: nvgre(0x1000) }), nvgreDecap(0x1000)],
    ["3.4: VSID 0xfffffe", nvgre4({ shim: nvgre(0xfffffe) }), nvgreDecap(0xfffffe)],
    ["3.4: VSID 0xffffff", nvgre4({ shim: nvgre(0xffffff) }), nvgreDrop("unknown-vni", 0xffffff)],
    ["cut off inside the inner frame", nvgre4().slice(0, -5), nvgreDrop("outer-length")],
    ["4.4: a first fragment", nvgre4({ ip: { fragment: 0x2000 } }), nvgreDrop("outer-fragment")],
    ["4.4: a later fragment", nvgre4({ ip: { fragment: 0x0001 } }), nvgreDrop("outer-fragment")],
    ["RFC 2784 2.3: version 1", nvgre4({ shim: nvgre(5000, 0x2001) }), PASS],
    ["RFC 2784 2.3: routing", nvgre4({ shim: nvgre(5000, 0x6000) }), nvgreDrop("nvgre-header")],
    ["RFC 2784 2.3: bits 6 to 12 are ignored", nvgre4({ shim: nvgre(5000, 0x23f8) }), nvgreDecap()],
  ],
  "ECN, RFC 6040 4.2": [
    ["outer CE, inner Not-ECT", vxlan4({ ip: { tos: 3 } }), vxlanDrop("ecn", 5000)],
    [
      "outer CE, inner ECT(0)",
      vxlan4({ ip: { tos: 3 }, frame: inner(0x0800, packet(2)) }),
      vxlanDecap(),
    ],
    ["outer ECT(1), inner Not-ECT", vxlan4({ ip: { tos: 1 } }), vxlanDecap()],
    [
      "outer CE, inner without ECN",
      vxlan4({
        ip: { tos: 3 },
        frame: inner(
          0x0806,
          arp({ senderMac: STATIONS.from, sender: "10.0.0.2", target: "10.0.0.1" }),
        ),
      }),
      vxlanDecap(),
    ],
    [
      "IPv6 in NVGRE likewise",
      nvgre4({ ip: { tos: 3 }, frame: inner(0x86dd, ip6({ ...V6, next: 59 }, filler(8))) }),
      nvgreDrop("ecn", 5000),
    ],
  ],
  "what is none of ours": [
    [
      "TCP to the port",
      ethernet(WIRE, 0x0800, ip4({ ...V4, protocol: 6 }, tcp(4789, 4789, []))),
      PASS,
    ],
    [
      "ARP",
      ethernet(WIRE, 0x0806, arp({ senderMac: WIRE.from, sender: V4.from, target: V4.to })),
      PASS,
    ],
    ["nothing", new Uint8Array(0), PASS],
    ["half an Ethernet header", new Uint8Array(7), PASS],
    [
      "IPv6 with extension headers",
      ethernet(WIRE, 0x86dd, ip6({ ...V6, next: 0 }, [17, 0, 1, 4, 0, 0, 0, 0], overUdp({}))),
      PASS,
    ],
    [
      "IPv6 by its type, IPv4 by its version",
      ethernet(WIRE, 0x86dd, [0x45], vxlan6().slice(15)),
      PASS,
    ],
  ],
};

for (const [rules, rows] of Object.entries(vectors))
  describe(rules, () => {
    for (const [why, frame, want] of rows) test(why, () => assert.deepEqual(outcome(frame), want));
  });

test("the FlowID is told, and is no part of the number", () =>
  assert.equal(decoded(nvgre4({ shim: nvgre(5000, 0x2000, 0x6558, 0xab) })).flowId, 0xab));

test("outer tags are the VLAN interface's to take off: what is behind them is judged", () => {
  const behind = (...tags: readonly (readonly number[])[]): Uint8Array => {
    const frame = vxlan4();
    const types = tags.flatMap((tag) => [...tag, 0, 5]);
    return join(frame.subarray(0, 12), types, frame.subarray(12));
  };
  assert.deepEqual(outcome(behind([0x81, 0])), vxlanDecap());
  assert.deepEqual(outcome(behind([0x88, 0xa8], [0x81, 0])), vxlanDecap());
  assert.deepEqual(outcome(behind([0x91, 0])), PASS, "the kernel knows no such tag");
  assert.deepEqual(outcome(behind([0x81, 0]).slice(0, -3)), vxlanDrop("outer-length"));
  const offsets = decoded(behind([0x81, 0])).layers.map(({ protocol, offset }) => [
    protocol,
    offset,
  ]);
  assert.deepEqual(offsets.slice(0, 4), [
    ["ethernet", 0],
    ["vlan", 14],
    ["ipv4", 18],
    ["udp", 38],
  ]);
});

describe("what the options change, and what they leave", () => {
  const strict: DecodeOptions = { ...plain, udp6Zero: "drop" };
  const keeping: DecodeOptions = {
    ...plain,
    tables: openTables({ vxlanPort: 4789, innerTags: "keep" }),
  };

  test("no checksum over IPv6", () => {
    assert.deepEqual(outcome(vxlan6(), strict), vxlanDrop("udp6-zero", 5000));
    assert.deepEqual(outcome(vxlan6({}, 0xbeef), strict), vxlanDecap(), "wrong is not absent");
    assert.deepEqual(outcome(vxlan4(), strict), vxlanDecap(), "IPv4 may go without");
    assert.deepEqual(outcome(nvgre6(), strict), nvgreDecap(), "GRE has none");
    assert.deepEqual(outcome(vxlan6({ shim: vxlan(1, 0) }), strict), vxlanDrop("vxlan-flags"));
  });

  test("inner tags: VXLAN's, never NVGRE's", () => {
    for (const type of [0x8100, 0x88a8]) {
      assert.deepEqual(outcome(vxlan4({ frame: tagged(type) }), keeping), vxlanDecap());
      assert.deepEqual(
        outcome(nvgre4({ frame: tagged(type) }), keeping),
        nvgreDrop("inner-tagged", 5000),
      );
    }
    const congested = vxlan4({ ip: { tos: 3 }, frame: tagged(0x8100) });
    assert.deepEqual(outcome(congested, keeping), vxlanDrop("ecn", 5000), "behind the tag, too");
  });

  test("another port", () => {
    const legacy = { ...plain, tables: openTables({ vxlanPort: 8472, innerTags: "drop" }) };
    assert.deepEqual(outcome(vxlan4({ port: 8472 }), legacy), vxlanDecap());
    assert.deepEqual(outcome(vxlan4(), legacy), PASS);
  });
});

test("a capture that was cut: judged if the headers are there, by the length on the wire", () => {
  const whole = vxlan4({ frame: inner(0x0800, join(packet(), filler(1000))) });
  for (let kept = 0; kept <= whole.length; kept++) {
    const cut = { bytes: whole.subarray(0, kept), wireOctets: whole.length };
    const got = decodeFrame(cut, plain);
    // Outer Ethernet, IPv4, UDP, VXLAN, inner Ethernet: without outer CE nothing behind them decides.
    if (kept < 14 + 20 + 8 + 8 + 14) assert.equal(got, null, `${kept} octets`);
    else assert.deepEqual([got?.action, got?.vni], ["decap", 5000], `${kept} octets`);
  }
  const foreign = { bytes: vxlan4({ port: 53 }).subarray(0, 42), wireOctets: 1000 };
  assert.equal(decodeFrame(foreign, plain)?.action, "pass");
});

test("whatever the octets: no throw, and layers lie end to end", () => {
  const bent = fc
    .tuple(
      fc.constantFrom(vxlan4(), vxlan6(), nvgre4(), nvgre6(), vxlan4({ frame: tagged(0x8100) })),
      fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 4 }),
      fc.nat(300),
    )
    .map(([frame, changes, cut]) => {
      const out = frame.slice();
      for (const [at, octet] of changes) if (at < out.length) out[at] = octet;
      return out.slice(0, cut);
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 120 }), bent), (frame) => {
      const { layers } = decoded(frame);
      let at = 0;
      for (const { offset, octets } of layers) {
        assert.equal(offset, at);
        at += octets;
      }
      assert.equal(at, frame.length);
    }),
    { numRuns: 3000 },
  );
});
