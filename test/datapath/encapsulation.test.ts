/**
 * Outer headers: octet by octet against what this file builds itself, and against tshark, which has read the
 * RFCs too; and the hash that spreads flows. Needs root.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { ATTACH_FLAG } from "../../src/rows/abi.generated.ts";
import {
  arp,
  checksum,
  ethernet,
  filler,
  hex,
  icmp6,
  ip,
  ip4,
  ip6,
  join,
  mac,
  tcp,
  u16,
  udp,
  vxlan,
} from "./frame.ts";
import { type Entropy, entropyOf, expected, type Peer } from "./outer.ts";
import { NETWORK, PEERS, PORTS, REDIRECT, Rig, SEED } from "./rig.ts";

let rig: Rig;
before(() => {
  rig = new Rig("encapsulation");
});
after(() => rig.close());
beforeEach(() => rig.populate());

const ME = PORTS[1];

const inner4 = (to: string, tos = 0, body = udp(1000, 2000, filler(40))): Uint8Array =>
  ethernet(
    { to, from: ME },
    0x0800,
    ip4({ from: "10.1.0.1", to: "10.1.0.9", protocol: 17, tos }, body),
  );
const inner6 = (to: string, tos = 0): Uint8Array =>
  ethernet(
    { to, from: ME },
    0x86dd,
    ip6({ from: "fd00::1", to: "fd00::9", next: 6, class: tos }, tcp(1, 2, filler(40))),
  );

function encapsulated(frame: Uint8Array): Uint8Array {
  const { action, delta, octets } = rig.run("port", frame, "port1");
  assert.deepEqual({ action, delta }, { action: REDIRECT, delta: { encapsulated: 1 } });
  return octets;
}

const nameOf = ({ encapsulation, family }: Peer): string => `${encapsulation} over ${family}`;

for (const peer of PEERS)
  describe(nameOf(peer), () => {
    const frames: readonly (readonly [string, Uint8Array, number])[] = [
      ["IPv4", inner4(peer.mac), 0],
      ["IPv6", inner6(peer.mac), 0],
      [
        "ARP",
        ethernet(
          { to: peer.mac, from: ME },
          0x0806,
          arp({ operation: 2, senderMac: ME, sender: "10.1.0.1", target: "10.1.0.9" }),
        ),
        0,
      ],
      ["an odd number of octets", inner4(peer.mac, 0, udp(1, 2, filler(3))), 0],
      ["the largest", inner4(peer.mac, 0, udp(1, 2, filler(1472))), 0],
      [
        "a tunnel of the tenant's own",
        inner4(peer.mac, 0, udp(1, 4789, join(vxlan(7), inner4(ME)))),
        0,
      ],
    ];
    for (const [what, frame, tos] of frames)
      test(what, () => {
        const outer = encapsulated(frame);
        assert.equal(hex(outer), hex(expected(peer, frame, tos, entropyOf(peer, outer))));
      });

    test("the class goes outside: all of it, or ECN alone where the network says so", () => {
      for (let tos = 0; tos < 256; tos += 5)
        for (const inner of [inner4, inner6]) {
          const frame = inner(peer.mac, tos);
          rig.setPort(1, {});
          const uniform = encapsulated(frame);
          assert.equal(hex(uniform), hex(expected(peer, frame, tos, entropyOf(peer, uniform))));
          rig.setPort(1, { flags: ATTACH_FLAG.ATTACH_DSCP_PIPE });
          const pipe = encapsulated(frame);
          assert.equal(hex(pipe), hex(expected(peer, frame, tos & 3, entropyOf(peer, pipe))));
        }
    });

    test("a port of its own for VXLAN, and the largest number", () => {
      const id = PEERS.indexOf(peer) + 1;
      const encapsulation = peer.encapsulation === "vxlan" ? 1 : 2;
      const member = [{ peer: id, vni: 0xffffff, encapsulation, weight: 1 }];
      rig.setAt("group", id, { members: 1, member });
      rig.setAt("settings", 0, { hashSeed: SEED, vxlanPort: 8472 });
      const outer = encapsulated(inner4(peer.mac));
      const l4 = peer.family === "ipv4" ? 34 : 54;
      if (encapsulation === 1) assert.equal(hex(outer.slice(l4 + 2, l4 + 4)), "2118");
      const at = l4 + (encapsulation === 1 ? 12 : 4);
      assert.equal(hex(outer.slice(at, at + 3)), "ffffff");
      assert.equal(encapsulation === 1 ? outer[at + 3] : 0, 0, "reserved");
    });
  });

/** Severity of a warning among tshark's expert items; errors are above. */
const PI_WARN = 0x600000;

test("tshark reads the same, and finds nothing to warn of in the outer layers", () => {
  const all = PEERS.flatMap((peer) => {
    const frames = [inner4(peer.mac, 0x2a), inner6(peer.mac, 0xb9)];
    return frames.map((frame) => ({ peer, frame, outer: encapsulated(frame) }));
  });
  const directory = mkdtempSync(joinPath(tmpdir(), "weft-t-"));
  try {
    const file = joinPath(directory, "outer.pcap");
    const header = Buffer.alloc(24);
    header.writeUInt32LE(0xa1b2c3d4, 0);
    header.writeUInt16LE(2, 4);
    header.writeUInt16LE(4, 6);
    header.writeUInt32LE(65_535, 16);
    header.writeUInt32LE(1, 20);
    const broken = encapsulated(inner4(PEERS[0].mac));
    broken.set([0xde, 0xad], 24);
    const records = [...all.map(({ outer }) => outer), broken].flatMap((outer) => {
      const record = Buffer.alloc(16);
      record.writeUInt32LE(outer.length, 8);
      record.writeUInt32LE(outer.length, 12);
      return [record, outer];
    });
    writeFileSync(file, Buffer.concat([header, ...records]));
    const fields = [
      "frame.protocols",
      "ip.checksum.status",
      "ip.ttl",
      "ip.flags.df",
      "ip.dsfield",
      "ipv6.tclass",
      "ipv6.hlim",
      "ipv6.plen",
      "udp.dstport",
      "udp.checksum",
      "udp.length",
      "vxlan.vni",
      "gre.key",
      "_ws.expert.severity",
    ];
    const text = execFileSync(
      "tshark",
      [
        ...["-r", file, "-T", "fields", "-E", "separator=;", "-E", "occurrence=a"],
        ...["-o", "udp.ignore_ipv6_zero_checksum:TRUE", "-o", "arp.detect_duplicate_ips:FALSE"],
        ...["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"],
        ...fields.flatMap((field) => ["-e", field]),
      ],
      { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
    );
    const rows = text.trimEnd().split("\n");
    assert.equal(rows.length, all.length + 1);
    const severe = (values: readonly string[]): readonly string[] =>
      values.filter((value) => Number(value) >= PI_WARN);
    for (const [i, { peer, frame }] of all.entries()) {
      const values = (rows[i] ?? "").split(";");
      const value = (name: string): readonly string[] =>
        (values[fields.indexOf(name)] ?? "").split(",");
      const [vx, v4] = [peer.encapsulation === "vxlan", peer.family === "ipv4"];
      const protocols = ["eth:ethertype", v4 ? "ip" : "ipv6", vx ? "udp:vxlan" : "gre", "eth"];
      assert.ok(value("frame.protocols")[0]?.startsWith(protocols.join(":")), rows[i]);
      if (v4) {
        assert.deepEqual(
          ["ip.checksum.status", "ip.ttl", "ip.flags.df"].map((name) => value(name)[0]),
          ["1", "64", "1"],
        );
        assert.equal(Number(value("ip.dsfield")[0]), frame[12] === 8 ? 0x2a : 0xb9);
      } else {
        assert.equal(value("ipv6.hlim")[0], "64");
        assert.equal(Number(value("ipv6.tclass")[0]), frame[12] === 8 ? 0x2a : 0xb9);
        assert.equal(Number(value("ipv6.plen")[0]), frame.length + (vx ? 16 : 8));
      }
      if (vx) {
        assert.deepEqual(
          ["udp.dstport", "udp.checksum", "udp.length"].map((name) => Number(value(name)[0])),
          [4789, 0, frame.length + 16],
        );
        assert.equal(Number(value("vxlan.vni")[0]), NETWORK);
      } else assert.equal(Number(value("gre.key")[0]) >>> 8, NETWORK);
      assert.deepEqual(severe(value("_ws.expert.severity")), [], rows[i]);
    }
    const control = (rows.at(-1) ?? "").split(";").at(-1) ?? "";
    assert.notDeepEqual(severe(control.split(",")), [], "a wrong sum is found");
  } finally {
    rmSync(directory, { recursive: true });
  }
});

/** MurmurHash3 (32 bits) of whole words, without the length that it mixes in at the end. */
function murmur(seed: number, words: readonly number[]): number {
  const rotate = (x: number, by: number): number => (x << by) | (x >>> (32 - by));
  let hash = seed;
  for (const word of words) {
    hash ^= Math.imul(rotate(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
    hash = (Math.imul(rotate(hash, 13), 5) + 0xe6546b64) | 0;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

describe("the hash", () => {
  const [VIA_VXLAN, VIA_NVGRE, VIA_VXLAN6] = PEERS;
  const entropy = (peer: Peer, frame: Uint8Array): Entropy => entropyOf(peer, encapsulated(frame));
  const all = (frame: Uint8Array): readonly Entropy[] =>
    PEERS.map((peer) => {
      frame.set(mac(peer.mac), 0);
      return entropy(peer, frame);
    });
  const ports = (from: number, to: number, header: object = {}, next = 17): Uint8Array =>
    ethernet(
      { to: VIA_VXLAN.mac, from: ME },
      0x0800,
      ip4(
        { from: "10.1.0.1", to: "10.1.0.9", protocol: next, ...header },
        next === 6 ? tcp(from, to, filler(20)) : udp(from, to, filler(20)),
      ),
    );

  test("is one for a flow, whatever else its packets say", () => {
    const flow = all(ports(1000, 2000));
    assert.deepEqual(all(ports(1000, 2000, { tos: 0xff })), flow);
    assert.deepEqual(all(ports(1000, 2000, { ttl: 3 })), flow);
    const longer = ethernet(
      { to: VIA_VXLAN.mac, from: ME },
      0x0800,
      ip4({ from: "10.1.0.1", to: "10.1.0.9", protocol: 17 }, udp(1000, 2000, filler(900))),
    );
    assert.deepEqual(all(longer), flow);
  });

  test("is another for another address, port or protocol", () => {
    const seen = [
      ports(1000, 2000),
      ports(1001, 2000),
      ports(1000, 2001),
      ports(2000, 1000),
      ports(1000, 2000, {}, 6),
      ports(1000, 2000, { to: "10.1.0.8" }),
    ].map((frame) => JSON.stringify(all(frame)));
    assert.equal(new Set(seen).size, seen.length);
  });

  test("does not go by the ports of fragments, so that all of a packet take one way", () => {
    const first = ports(1000, 2000, { fragment: 0x2000 });
    const later = ports(0xdead, 0xbeef, { fragment: 0x2010 });
    const last = ports(7, 7, { fragment: 0x0020 });
    assert.deepEqual(all(first), all(later));
    assert.deepEqual(all(first), all(last));
    assert.notDeepEqual(all(first), all(ports(1000, 2000)));
    const over6 = (offset: number, body: Uint8Array): Uint8Array =>
      ethernet(
        { to: VIA_VXLAN.mac, from: ME },
        0x86dd,
        ip6({ from: "fd00::1", to: "fd00::9", next: 44 }, [17, 0, 0, offset, 0, 0, 0, 1], body),
      );
    assert.deepEqual(all(over6(1, udp(1000, 2000, filler(8)))), all(over6(8, filler(16))));
  });

  test("reads ports behind IPv4 options", () => {
    const options = new Uint8Array(40).fill(1);
    assert.deepEqual(all(ports(1000, 2000, { options })), all(ports(1000, 2000)));
  });

  test("is another under another seed, and comes from the row alone", () => {
    const one = all(ports(1000, 2000));
    rig.setAt("settings", 0, { hashSeed: SEED + 1, vxlanPort: 4789 });
    assert.notDeepEqual(all(ports(1000, 2000)), one);
    rig.setAt("settings", 0, { hashSeed: SEED, vxlanPort: 4789 });
    assert.deepEqual(all(ports(1000, 2000)), one);
  });

  test("gives ports between 49152 and 65535, both ends included", () => {
    const seen = new Set<number>();
    // More flows than ports, so that the ends are met in all likelihood.
    for (let i = 0; i < 4000; i++) {
      const { port } = entropy(VIA_VXLAN, ports(i, 2000));
      assert.ok(port >= 49_152 && port <= 65_535, `port ${port}`);
      seen.add(port);
    }
    assert.ok(seen.size > 3300, `${seen.size} of 4000 differ`);
    const both = [...seen].sort((a, b) => a - b);
    assert.ok((both[0] ?? 0) < 49_252 && (both.at(-1) ?? 0) > 65_435);
  });

  test("is MurmurHash3 over source, destination, protocol and ports, as anybody else may compute it", () => {
    const words = (...parts: readonly Uint8Array[]): readonly number[] => {
      const all = join(...parts);
      const view = new DataView(all.buffer);
      return Array.from({ length: all.length / 4 }, (_, i) => view.getUint32(4 * i, true));
    };
    const pair = join(u16(1000), u16(2000));
    const four = murmur(SEED, [...words(ip("10.1.0.1"), ip("10.1.0.9")), 17, ...words(pair)]);
    const of4 = all(ports(1000, 2000));
    assert.equal(of4[0]?.port, 0xc000 | (four & 0x3fff));
    assert.equal(of4[1]?.flowId, four >>> 24);
    assert.equal(of4[2]?.label, four & 0xfffff);
    const [from, to] = [words(ip("fd00::1")), words(ip("fd00::9"))];
    const addresses = from.flatMap((word, i) => [word, to[i] ?? 0]);
    const six = murmur(SEED, [...addresses, 6, ...words(join(u16(1), u16(2)))]);
    assert.equal(all(inner6(VIA_VXLAN.mac))[1]?.flowId, six >>> 24);
    assert.equal(all(inner6(VIA_VXLAN.mac))[2]?.label, six & 0xfffff);
  });

  /** Upper 0.001 point of chi-square, by Wilson and Hilferty. */
  const critical = (degrees: number): number =>
    degrees * (1 - 2 / (9 * degrees) + 3.0902 * Math.sqrt(2 / (9 * degrees))) ** 3;
  const chiSquare = (counts: readonly number[]): number => {
    const mean = counts.reduce((a, b) => a + b, 0) / counts.length;
    return counts.reduce((sum, n) => sum + (n - mean) ** 2 / mean, 0);
  };

  /** Seeded sets, so that a set that fails once fails every time. Flows as a cluster has them: near one another. */
  const SETS = 20;
  const FLOWS = 1000;
  const flowsOf = (set: number): readonly Uint8Array[] =>
    Array.from({ length: FLOWS }, (_, i) =>
      set % 2 === 0
        ? ports(32_768 + set * 37 + i, 4791)
        : ports(49_152 + (i % 8), 4791, { to: `10.1.${1 + (i >> 8)}.${i & 255}` }),
    );

  for (const [peer, what, bins, of] of [
    [VIA_VXLAN, "source ports", [2, 3, 4, 8, 16], (e: Entropy) => e.port],
    [VIA_NVGRE, "FlowIDs", [2, 4, 8, 256], (e: Entropy) => e.flowId],
    [VIA_VXLAN6, "flow labels", [2, 3, 4, 8, 16], (e: Entropy) => e.label],
  ] as const)
    test(`spreads flows evenly over ${what}`, () => {
      const sums = new Map(bins.map((n) => [n, 0]));
      for (let set = 0; set < SETS; set++) {
        rig.setAt("settings", 0, { hashSeed: (set * 0x9e3779b1) >>> 0, vxlanPort: 4789 });
        const counts = new Map(bins.map((n) => [n, new Array<number>(n).fill(0)]));
        const values = rig.inside(() =>
          flowsOf(set).map((frame) => {
            frame.set(mac(peer.mac), 0);
            return of(entropy(peer, frame));
          }),
        );
        for (const value of values)
          for (const [n, into] of counts) into[value % n] = (into[value % n] ?? 0) + 1;
        for (const [n, into] of counts) {
          sums.set(n, (sums.get(n) ?? 0) + chiSquare(into));
          if (n > 16) continue;
          for (const share of into)
            assert.ok(Math.abs(share / FLOWS - 1 / n) <= 0.05, `set ${set}: ${share} of mod ${n}`);
        }
      }
      // The sums of the sets together are chi-square, too.
      for (const [n, sum] of sums)
        assert.ok(sum < critical(SETS * (n - 1)), `mod ${n}: ${sum.toFixed(1)} is too uneven`);
    });

  test("tshark or not, the sum of an outer header is right for many lengths", () => {
    for (let octets = 0; octets < 1400; octets += 97) {
      const outer = encapsulated(inner4(VIA_NVGRE.mac, 0, udp(1, 2, filler(octets))));
      assert.equal(checksum(outer.slice(14, 34)), 0);
    }
  });

  test("members of a group, and ways to a peer, are taken by it", () => {
    const member = [1, 2].map((id) => ({ peer: id, vni: NETWORK, encapsulation: 1, weight: 1 }));
    rig.setAt("group", 1, { members: 2, member });
    const took = { first: 0, second: 0 };
    for (let i = 0; i < 400; i++) {
      const to = encapsulated(ports(i, 2000))[33];
      assert.ok(to === 11 || to === 12);
      took[to === 11 ? "first" : "second"]++;
    }
    assert.ok(took.first > 150 && took.second > 150, JSON.stringify(took));
    const [one, again] = [encapsulated(ports(5, 2000)), encapsulated(ports(5, 2000))];
    assert.equal(hex(one), hex(again));
  });

  test("what has ICMPv6 inside is one flow an address pair", () => {
    const echo = (type: number): Uint8Array =>
      ethernet(
        { to: VIA_VXLAN.mac, from: ME },
        0x86dd,
        ip6(
          { from: "fd00::1", to: "fd00::9", next: 58 },
          icmp6({ from: "fd00::1", to: "fd00::9" }, type, filler(20)),
        ),
      );
    assert.deepEqual(all(echo(128)), all(echo(129)));
  });
});
