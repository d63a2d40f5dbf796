/** Layers of a frame: where each lies, where reading ends, and a frame for every note. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { dissect } from "../../../src/wire/layers/dissect.ts";
import { type Layer, NOTES, type Note } from "../../../src/wire/layers/scan.ts";
import {
  arp,
  ethernet,
  filler,
  icmp6,
  ip4,
  ip6,
  join,
  nvgre,
  tcp,
  u16,
  u32,
  udp,
  vxlan,
} from "../../datapath/frame.ts";

const WIRE = { to: "02:57:00:00:00:01", from: "02:57:00:00:00:02" };
const V4 = { from: "192.0.2.2", to: "192.0.2.1" };
const V6 = { from: "2001:db8::2", to: "2001:db8::1" };
const inner = ethernet(
  { to: "02:00:00:00:00:01", from: "02:00:00:00:00:02" },
  0x0800,
  ip4({ from: "10.0.0.2", to: "10.0.0.1", protocol: 17 }, udp(1, 2, filler(30))),
);
const over4 = (payload: Uint8Array, bend: object = {}): Uint8Array =>
  ethernet(WIRE, 0x0800, ip4({ ...V4, protocol: 17, ...bend }, payload));
const over6 = (next: number, payload: Uint8Array, bend: object = {}): Uint8Array =>
  ethernet(WIRE, 0x86dd, ip6({ ...V6, next, ...bend }, payload));
const tunnel = (shim = vxlan(5000), from = 50_000): Uint8Array =>
  udp(from, 4789, join(shim, inner));
const gre = (shim: Uint8Array): Uint8Array => over4(join(shim, inner), { protocol: 47 });

const layersOf = (frame: Uint8Array): readonly Layer[] => dissect(frame, frame.length, 4789);
const shape = (frame: Uint8Array): readonly (readonly [string, number])[] =>
  layersOf(frame).map(({ protocol, octets }) => [protocol, octets]);

test("a tunnel to the last octet: headers, payload, and what the link has padded", () =>
  assert.deepEqual(shape(join(over4(tunnel()), filler(3))), [
    ["ethernet", 14],
    ["ipv4", 20],
    ["udp", 8],
    ["vxlan", 8],
    ["ethernet", 14],
    ["ipv4", 20],
    ["udp", 8],
    ["data", 30],
    ["trailer", 3],
  ]));

test("a tenant's own tunnel is payload", () => {
  const own = ethernet(
    { to: "02:00:00:00:00:01", from: "02:00:00:00:00:02" },
    0x0800,
    ip4({ from: "10.0.0.2", to: "10.0.0.1", protocol: 17 }, tunnel()),
  );
  const [, , , , , , ...rest] = shape(over4(udp(50_000, 4789, join(vxlan(5000), own))));
  assert.deepEqual(rest, [
    ["udp", 8],
    ["data", 8 + inner.length],
  ]);
});

test("a later fragment, an unknown protocol and an unknown type are read no further", () => {
  assert.deepEqual(shape(over4(filler(40), { fragment: 0x2001 })).slice(2), [["data", 40]]);
  assert.deepEqual(shape(over4(filler(40), { protocol: 132 })).slice(2), [["data", 40]]);
  const fragment = join([17, 0], u16(8 << 3), u32(1), filler(16));
  assert.deepEqual(shape(over6(44, fragment)).slice(2), [
    ["fragment", 8],
    ["data", 16],
  ]);
  assert.deepEqual(shape(ethernet(WIRE, 0x88cc, filler(46))), [
    ["ethernet", 14],
    ["data", 46],
  ]);
});

test("of a fragment, and of what was not captured, no sum is known", () => {
  const sums = (layers: readonly Layer[]): readonly unknown[] =>
    layers.filter(({ protocol }) => protocol === "tcp").map(({ fields }) => fields.checksum);
  const segment = tcp(1, 2, filler(40));
  assert.deepEqual(sums(layersOf(over4(segment, { protocol: 6 }))), ["bad"]);
  assert.deepEqual(sums(layersOf(over4(segment, { protocol: 6, fragment: 0x2000 }))), ["unknown"]);
  const whole = over4(segment, { protocol: 6 });
  assert.deepEqual(sums(dissect(whole.subarray(0, 60), whole.length, 4789)), ["unknown"]);
});

/** [note, layer, a frame that deserves it]. */
const odd: readonly (readonly [Note, string, Uint8Array])[] = [
  ["truncated", "ethernet", filler(13)],
  ["truncated", "ipv6", over6(17, tunnel()).slice(0, 50)],
  ["truncated", "vxlan", over4(udp(1, 4789, filler(7).fill(8)))],
  ["malformed", "ipv4", ethernet(WIRE, 0x0800, [0x44], filler(30))],
  ["malformed", "arp", ethernet(WIRE, 0x0806, filler(28))],
  ["malformed", "gre", gre(nvgre(5000, 0x2001))],
  ["malformed", "icmpv6", over6(58, icmp6(V6, 133, filler(6)))],
  [
    "bad-checksum",
    "ipv4",
    join(over4(tunnel()).subarray(0, 24), [0, 0], over4(tunnel()).subarray(26)),
  ],
  ["bad-checksum", "udp", over4(join(u16(50_000), u16(4789), u16(16), u16(1), vxlan(5000)))],
  ["bad-checksum", "tcp", over4(tcp(1, 2, filler(4)), { protocol: 6 })],
  ["bad-checksum", "icmp", over4(filler(8).fill(8), { protocol: 1 })],
  ["bad-checksum", "icmpv6", over6(58, filler(8).fill(1))],
  ["no-checksum", "udp", over6(17, udp(1, 2, filler(8)))],
  ["length-too-small", "ipv4", over4(tunnel(), { octets: 19 })],
  ["length-too-small", "udp", over4(udp(50_000, 4789, filler(20), 7))],
  ["length-beyond-packet", "ipv4", over4(tunnel(), { octets: 1500 })],
  ["length-beyond-packet", "ipv6", over6(17, tunnel(), { octets: 1500 })],
  ["length-beyond-packet", "udp", over4(udp(50_000, 4789, filler(20), 29))],
  ["hop-limit-zero", "ipv4", over4(tunnel(), { ttl: 0 })],
  ["hop-limit-zero", "ipv6", over6(17, tunnel(), { hops: 0 })],
  ["hop-limit-not-255", "icmpv6", over6(58, icmp6(V6, 135, filler(20)))],
  ["reserved-bits", "ipv4", over4(tunnel(), { fragment: 0x8000 })],
  ["reserved-bits", "vxlan", over4(tunnel(vxlan(5000, 0x88000000)))],
  ["reserved-bits", "vxlan", over4(tunnel(vxlan(5000, 0x08000001)))],
  ["reserved-bits", "vxlan", over4(tunnel(join(u32(0x08000000), u32(1))))],
  ["reserved-bits", "nvgre", gre(nvgre(5000, 0x2008))],
  ["reserved-bits", "gre", gre(nvgre(5000, 0x0200))],
  ["options", "ipv4", over4(tunnel(), { options: [1, 1, 1, 1] })],
  ["source-is-group", "ethernet", ethernet({ ...WIRE, from: "01:00:5e:00:00:01" }, 0x88b5, [])],
  ["source-is-group", "ipv4", over4(tunnel(), { from: "239.1.1.1" })],
  ["source-is-group", "ipv6", over6(17, tunnel(), { from: "ff02::1" })],
  [
    "source-is-group",
    "arp",
    ethernet(WIRE, 0x0806, arp({ senderMac: "ff:ff:ff:ff:ff:ff", sender: V4.from, target: V4.to })),
  ],
  ["source-is-zero", "ethernet", ethernet({ ...WIRE, from: "00:00:00:00:00:00" }, 0x88b5, [])],
  ["ipv4-mapped", "ipv6", over6(17, tunnel(), { from: "::ffff:192.0.2.2" })],
  ["source-port-range", "udp", over4(tunnel(vxlan(5000), 49_151))],
  ["vni-flag-clear", "vxlan", over4(tunnel(vxlan(5000, 0xf7ffffff)))],
  ["reserved-vsid", "nvgre", gre(nvgre(0xfff))],
  ["reserved-vsid", "nvgre", gre(nvgre(0xffffff))],
];

for (const [note, protocol, frame] of odd)
  test(`${note} in ${protocol}`, () => {
    const found = layersOf(frame).find((layer) => layer.protocol === protocol);
    assert.ok(found?.notes.includes(note), JSON.stringify(layersOf(frame)));
  });

test("every note has its frame", () =>
  assert.deepEqual(
    NOTES.filter((note) => !odd.some(([shown]) => shown === note)),
    [],
  ));

test("docs/protocols/decode.md explains every note, and no other", () => {
  const page = readFileSync("docs/protocols/decode.md", "utf8").split("## Notes")[1] ?? "";
  const explained = [...page.matchAll(/^\| `([a-z0-9-]+)` \|/gm)].map(([, note]) => note);
  assert.deepEqual(explained, NOTES);
});

test("what weft itself sends has none", () => {
  for (const frame of [
    over4(tunnel()),
    over6(17, tunnel()),
    gre(nvgre(5000, 0x2000, 0x6558, 9)),
    over6(47, join(nvgre(5000), inner)),
  ])
    assert.deepEqual(
      layersOf(frame).flatMap(({ notes }) => notes),
      [],
    );
});
