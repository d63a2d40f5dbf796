/**
 * Frames through real agents: who gets a flooded frame, how many of them there may be, what never reaches the
 * underlay, and frames in the shapes that a test run of the program cannot show. Needs root.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { after, before, test } from "node:test";
import type { VerdictName } from "../../src/rows/abi.generated.ts";
import { checksum, ethernet, filler, hex, ip4, join, tcp, u16, u32, udp } from "./frame.ts";
import { drain, type Intent, Lab, until } from "./live.ts";

const ALL = "ff:ff:ff:ff:ff:ff";
const TAP = joinPath(import.meta.dirname, "tap.py");
const PYTHON = "/usr/bin/python3";

/** Ports by network: a and b on the first host, c on the second, d on the third, which speaks NVGRE alone. */
const PLACES = { a: "h1", b: "h1", c: "h2", d: "h3" } as const;
type Place = keyof typeof PLACES;
const MACS: Readonly<Record<Place, string>> = {
  a: "02:00:00:00:00:0a",
  b: "02:00:00:00:00:0b",
  c: "02:00:00:00:00:0c",
  d: "02:00:00:00:00:0d",
};
const ADDRESSES: Readonly<Record<Place, string>> = {
  a: "10.0.0.1",
  b: "10.0.0.2",
  c: "10.0.0.3",
  d: "10.0.0.4",
};

const port = (network: string, place: Place, more: object = {}): Intent[number] => ({
  kind: "Port",
  metadata: { name: `${network}-${place}`, tenant: "org" },
  spec: {
    network,
    host: PLACES[place],
    interface: `${network}-${place}`,
    mac: MACS[place],
    addresses: [ADDRESSES[place]],
    ...more,
  },
});

const intent: Intent = [
  { kind: "Fabric", metadata: { name: "f" }, spec: { numbering: "nvgre-safe" } },
  { kind: "Tenant", metadata: { name: "org" } },
  ...[1, 2, 3].map((n) => ({
    kind: "Host",
    metadata: { name: `h${n}` },
    spec: {
      uplinks: [{ interface: "uplink0", mtu: 1600 }],
      vteps: [`192.0.2.${n}`],
      ...(n === 3 ? { encapsulations: ["nvgre"] } : {}),
    },
  })),
  ...["wide", "other", "loud"].map((name, i) => ({
    kind: "Network",
    metadata: { name, tenant: "org" },
    spec: { subnets: ["10.0.0.0/24"], vni: 20_001 + i, encapsulations: ["vxlan", "nvgre"] },
  })),
  ...(["a", "b", "c", "d"] as const).map((place) => port("wide", place)),
  ...(["a", "c", "d"] as const).map((place) => port("other", place)),
  ...(["a", "c", "d"] as const).map((place) => port("loud", place, { bumPps: 20 })),
  port("other", "b"),
];

let lab: Lab;
let directory: string;
before(() => {
  directory = mkdtempSync(joinPath(tmpdir(), "weft-t-"));
  lab = Lab.up("fabric", intent);
});
after(async () => {
  rmSync(directory, { recursive: true });
  await lab.down();
});

/** A datagram with a number in it, by which it is known again. */
function numbered(number: number, to: string, from: Place = "a"): Uint8Array {
  const packet = ip4(
    { from: ADDRESSES[from], to: "10.0.0.255", protocol: 17 },
    udp(40_000, 9, join(MARK, u32(number), filler(20))),
  );
  return ethernet({ to, from: MACS[from] }, 0x0800, packet);
}
const MARK = new TextEncoder().encode("weft-test");

/** The numbers in what was received, in order. */
function numbersIn(frames: readonly Uint8Array[]): readonly number[] {
  return frames.flatMap((frame) => {
    const octets = Buffer.from(frame);
    const at = octets.indexOf(MARK);
    return at < 0 ? [] : [octets.readUInt32BE(at + MARK.length)];
  });
}

/** What these verdicts have counted on a host since. */
function counting(host: string): (...names: readonly VerdictName[]) => readonly number[] {
  const was = lab.counters(host);
  return (...names) => {
    const now = lab.counters(host);
    return names.map((name) => (now[name] ?? 0) - (was[name] ?? 0));
  };
}

for (const [what, to] of [
  ["broadcast", ALL],
  ["multicast", "01:00:5e:00:00:09"],
  ["unknown unicast", "02:00:00:00:09:09"],
] as const)
  test(`${what} reaches each port of its network once, over whichever encapsulation, and no other`, async () => {
    const receivers = (["b", "c", "d"] as const).map((place) => lab.socketOf(`wide-${place}`));
    const others = (["a", "c", "d"] as const).flatMap((place) =>
      ["other", "loud"].map((network) => lab.socketOf(`${network}-${place}`)),
    );
    const sender = lab.socketOf("wide-a");
    const numbers = Array.from({ length: 200 }, (_, i) => i);
    const since = counting("h1");
    for (const number of numbers) assert.ok(sender.send(numbered(number, to)).ok);
    const heard = receivers.map((): number[] => []);
    await until(`each of ${receivers.length} hears the last`, () => {
      for (const [i, socket] of receivers.entries()) heard[i]?.push(...numbersIn(drain(socket)));
      return heard.every((list) => list.includes(199));
    });
    // The last frame has been everywhere: no copy is still to come.
    for (const list of heard) assert.deepEqual(list, numbers);
    for (const socket of [sender, ...others]) assert.deepEqual(numbersIn(drain(socket)), []);
    assert.ok((since("flooded")[0] ?? 0) >= 200);
    assert.deepEqual(since("replica-failed", "no-receiver", "bum-limited"), [0, 0, 0]);
  });

test("a port's budget of replicas holds, and what is over it is counted", async () => {
  const since = counting("h1");
  const sender = lab.socketOf("loud-a");
  const receiver = lab.socketOf("loud-c");
  const COUNT = 300;
  for (let i = 0; i < COUNT; i++) assert.ok(sender.send(numbered(i, ALL)).ok);
  await until("all are counted", () => {
    const [flooded = 0, limited = 0] = since("flooded", "bum-limited");
    return flooded + limited >= COUNT && limited > 0;
  });
  const heard: number[] = [];
  await until("the first arrives", () => {
    heard.push(...numbersIn(drain(receiver)));
    return heard.includes(0);
  });
  const [, limited = 0] = since("flooded", "bum-limited");
  assert.ok(limited > COUNT / 2, `${limited} of ${COUNT}`);
  await until("what was let through arrives, and no more", () => {
    heard.push(...numbersIn(drain(receiver)));
    return heard.length === COUNT - limited;
  });
  // Known unicast has no such budget.
  for (let i = 0; i < COUNT; i++) assert.ok(sender.send(numbered(1000 + i, MACS.c)).ok);
  await until("every unicast frame arrives", () => {
    heard.push(...numbersIn(drain(receiver)));
    return heard.filter((n) => n >= 1000).length === COUNT;
  });
});

test("a tag from a workload never reaches the underlay, in any form", async () => {
  const wires = ["h1", "h2", "h3"].map((host) =>
    lab.socket(lab.host(host).namespace, "uplink0", { outgoing: true }),
  );
  const receivers = (["b", "c", "d"] as const).map((place) => lab.socketOf(`wide-${place}`));
  const sender = lab.socketOf("wide-a");
  const since = counting("h1");
  const tag = (type: number, vid: number, frame: Uint8Array): Uint8Array =>
    join(frame.slice(0, 12), u16(type), u16(vid), frame.slice(12));
  let number = 0;
  for (const to of [ALL, MACS.b, MACS.c])
    for (const outer of [0x8100, 0x88a8, 0x9100])
      for (const vid of [0, 1, 100, 4095]) {
        assert.ok(sender.send(tag(outer, vid, numbered(number++, to))).ok);
        const twice = tag(outer, vid, tag(0x8100, 7, numbered(number++, to)));
        assert.ok(sender.send(twice).ok);
      }
  const CONTROL = 5000;
  for (const to of [ALL, MACS.b, MACS.c, MACS.d]) assert.ok(sender.send(numbered(CONTROL, to)).ok);
  const seen = { wires: [] as number[], receivers: [] as number[] };
  await until("the untagged frame is everywhere", () => {
    for (const socket of wires) seen.wires.push(...numbersIn(drain(socket)));
    for (const socket of receivers) seen.receivers.push(...numbersIn(drain(socket)));
    // To all: two copies out of h1 and in at each; to c and d: one each, out and in.
    return seen.wires.length >= 8 && seen.receivers.length >= 6;
  });
  assert.deepEqual(new Set([...seen.wires, ...seen.receivers]), new Set([CONTROL]));
  assert.deepEqual(since("tagged"), [number]);
});

test("runts that no test run takes: an IPv4 frame shorter than its header", async () => {
  const sender = lab.socketOf("wide-a");
  const since = counting("h1");
  for (const octets of [0, 1, 19])
    assert.ok(sender.send(numbered(1, MACS.c).slice(0, 14 + octets)).ok);
  await until("they are counted", () => since("truncated")[0] === 3);
});

/** In front of a frame: flags, kind, header length, segment size, start and offset of the sum. */
const virtio = (headerOctets: number, segmentOctets: number): Uint8Array =>
  Uint8Array.from([
    ...[segmentOctets > 0 ? 1 : 0, segmentOctets > 0 ? 1 : 0],
    ...[headerOctets & 255, headerOctets >> 8, segmentOctets & 255, segmentOctets >> 8],
    ...(segmentOctets > 0 ? [34, 0, 16, 0] : [0, 0, 0, 0]),
  ]);

/** A TCP aggregate of `octets` of payload, its sum left to later. */
function aggregate(from: Place, to: string, octets: number): Uint8Array {
  const segment = tcp(
    40_000,
    9,
    Uint8Array.from({ length: octets }, (_, i) => i % 251),
  );
  const pseudo = [...ADDRESSES[from].split("."), ...ADDRESSES.c.split(".")].map(Number);
  // What the field holds until the sum is made: the pseudo-header's own, not inverted.
  segment.set(u16(~checksum(pseudo, [0, 6], u16(segment.length)) & 0xffff), 16);
  const packet = ip4({ from: ADDRESSES[from], to: ADDRESSES.c, protocol: 6 }, segment);
  return ethernet({ to, from: MACS[from] }, 0x0800, packet);
}

/** The TCP payload in frames, put together by sequence number; segments or aggregates. */
function streamIn(frames: readonly Uint8Array[]): Uint8Array {
  const parts = frames
    .filter((frame) => frame[12] === 8 && frame[23] === 6)
    .map((frame) => {
      const view = new DataView(frame.buffer, frame.byteOffset);
      return { at: view.getUint32(38), payload: frame.slice(54, 14 + view.getUint16(16)) };
    })
    .sort((a, b) => a.at - b.at);
  return join(...parts.map(({ payload }) => payload));
}

function file(name: string, ...parts: readonly Uint8Array[]): string {
  const path = joinPath(directory, name);
  writeFileSync(path, hex(join(...parts)));
  return path;
}

test("a tap: whole frames and aggregates of which hardly more than the Ethernet header is in one piece", async () => {
  const { namespace } = lab.host("h1");
  const receiver = lab.socketOf("other-c");
  lab.ip(namespace, "link delete other-b");
  const small = numbered(77, MACS.c, "b");
  const big = aggregate("b", MACS.c, 20_000);
  const arrived = await lab.start(
    namespace,
    ...[PYTHON, TAP, "tap", "other-b"],
    file("small", virtio(0, 0), small),
    file("big", virtio(14, 1400), big),
  );
  const heard: Uint8Array[] = [];
  await until("all of it arrives", () => {
    heard.push(...drain(receiver));
    return numbersIn(heard).includes(77) && streamIn(heard).length >= 20_000;
  });
  assert.ok(
    heard.some((frame) => hex(frame) === hex(small)),
    "the small one, octet by octet",
  );
  assert.equal(hex(streamIn(heard)), hex(big.slice(54)));
  const back = [numbered(78, MACS.b, "c"), numbered(79, ALL, "c")];
  for (const frame of back) assert.ok(receiver.send(frame).ok);
  await until("frames come back through the tap", () =>
    back.every((frame) => arrived().includes(hex(frame))),
  );
});

test("an aggregate for nobody in particular goes to the first list's peers; those missed are counted", async () => {
  const receivers = {
    b: lab.socketOf("wide-b"),
    c: lab.socketOf("wide-c"),
    d: lab.socketOf("wide-d"),
  };
  const since = counting("h1");
  const frame = aggregate("a", "02:00:00:00:09:09", 9000);
  const { namespace, interface: name } = lab.port("wide-a");
  await lab.exec(
    namespace,
    ...[PYTHON, TAP, "socket", name, file("flood", virtio(54, 1400), frame)],
  );
  const heard = { b: [] as Uint8Array[], c: [] as Uint8Array[], d: [] as Uint8Array[] };
  await until("the local port and the NVGRE peer get it", () => {
    for (const place of ["b", "c", "d"] as const) heard[place].push(...drain(receivers[place]));
    return streamIn(heard.b).length >= 9000 && streamIn(heard.d).length >= 9000;
  });
  assert.equal(hex(streamIn(heard.d)), hex(frame.slice(54)));
  assert.equal(streamIn(heard.c).length, 0);
  assert.deepEqual(since("gso-unsupported", "replica-failed"), [1, 1]);
});
