/** Routing by test-run: which way a packet goes, what its next frame looks like, and what never goes. Needs root. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { mappedOctets, parseIp, parsePrefix } from "../../src/base/ip.ts";
import {
  ADMIT_FLAG,
  ATTACH_FLAG,
  ENCAPSULATION,
  FAMILY,
  ROUTE_FLAG,
  TARGET_KIND,
  VNI_IN_FLAG,
} from "../../src/rows/abi.generated.ts";
import { pack, type Values } from "../../src/rows/pack.ts";
import { Random } from "../random.ts";
import { ethernet, filler, hex, ip4, ip6, join, mac, nvgre, tcp, udp, vxlan } from "./frame.ts";
import { entropyOf, expected, type Peer } from "./outer.ts";
import {
  DROP,
  FOR_EVER_NS,
  LOCAL,
  NETWORK,
  NEXT_HOP,
  OTHER_NETWORK,
  PEERS,
  PORTS,
  REDIRECT,
  Rig,
  SEED,
  UPLINK,
} from "./rig.ts";

const SPACE = 9000;
const ELSEWHERE = 9001;
const GATEWAY = "06:77:65:66:74:01";
const ROUTER = "0a:77:c0:00:02:01";
const THEIR_ROUTER = "0a:77:c0:00:02:02";
const REMOTE_MAC = "02:00:00:00:09:09";
/** Groups 1 to 4 lead to a peer each under NETWORK, as populate() has it; these under the router's number. */
const UNDER_ROUTER = 20;

let rig: Rig;
before(() => {
  rig = new Rig("routing");
});
after(() => rig.close());

const KIND = {
  port: TARGET_KIND.TARGET_PORT,
  group: TARGET_KIND.TARGET_GROUP,
  drop: TARGET_KIND.TARGET_DROP,
  gateway: TARGET_KIND.TARGET_GATEWAY,
  glean: TARGET_KIND.TARGET_GLEAN,
} as const;

type Way = Values<"routeRow"> & { readonly to: keyof typeof KIND; readonly by?: string };

const row = ({ to, by, ...values }: Way): Values<"routeRow"> => ({
  ...{ kind: KIND[to], network: OTHER_NETWORK, mtu: 1500, mac: mac(by ?? "00:00:00:00:00:00") },
  ...values,
});

function setHost(address: string, way: Way, space = SPACE): void {
  const key = { space, address: mappedOctets(parseIp(address) ?? { octets: new Uint8Array(16) }) };
  rig.set("host", pack("hostKey", key), row(way));
}

function setRoutes(ways: Readonly<Record<string, Way>>, space = SPACE): void {
  const lengths = { ipv4: new Set<number>(), ipv6: new Set<number>() };
  for (const [text, way] of Object.entries(ways)) {
    const prefix = parsePrefix(text);
    assert.ok(prefix);
    const bits = prefix.family === "ipv4" ? 96 + prefix.bits : prefix.bits;
    lengths[prefix.family].add(bits);
    rig.set("route", pack("routeKey", { space, bits, address: mappedOctets(prefix) }), row(way));
  }
  const [ipv4Bits, ipv6Bits] = [new Uint8Array(36), new Uint8Array(24)];
  const descending = (set: ReadonlySet<number>): number[] => [...set].sort((a, b) => b - a);
  ipv4Bits.set(descending(lengths.ipv4));
  ipv6Bits.set(descending(lengths.ipv6));
  rig.set("space", pack("spaceKey", { space }), {
    ...{ ipv4Bits, ipv6Bits, ipv4Lengths: lengths.ipv4.size, ipv6Lengths: lengths.ipv6.size },
  });
}

beforeEach(() => {
  rig.populate();
  const macs = { gatewayMac: mac(GATEWAY), routerMac: mac(ROUTER) };
  rig.setAt("settings", 0, { hashSeed: SEED, vxlanPort: 4789, ...macs });
  const flags = ATTACH_FLAG.ATTACH_ROUTED;
  rig.attach("port1", 1, { flags, space: SPACE });
  rig.attach("port3", 3, { flags, space: SPACE, network: OTHER_NETWORK });
  for (const [i, peer] of PEERS.entries()) {
    const encapsulation =
      ENCAPSULATION[peer.encapsulation === "vxlan" ? "ENCAPSULATION_VXLAN" : "ENCAPSULATION_NVGRE"];
    rig.setAt("peer", i + 1, {
      remote: mappedOctets({ octets: parseIp(peer.address)?.octets ?? new Uint8Array(4) }),
      local: mappedOctets({ octets: parseIp(LOCAL[peer.family])?.octets ?? new Uint8Array(4) }),
      family: FAMILY[peer.family === "ipv4" ? "FAMILY_IPV4" : "FAMILY_IPV6"],
      ...{ mtu: 9000, adjacencies: 1, adjacency: [i + 1], routerMac: mac(THEIR_ROUTER) },
    });
    const member = [{ peer: i + 1, vni: SPACE, encapsulation, weight: 1 }];
    rig.setAt("group", UNDER_ROUTER + i, { members: 1, member });
    rig.setVniIn({
      ...{ vtep: LOCAL[peer.family], encapsulation: peer.encapsulation, vni: SPACE },
      ...{ network: SPACE, space: SPACE, flags: VNI_IN_FLAG.VNI_IN_ROUTER },
    });
    rig.setAdmit(i + 1, SPACE, 0);
  }
});

interface Packet {
  readonly from?: string;
  readonly to: string;
  readonly ttl?: number;
  readonly octets?: number;
  readonly fragment?: number;
}

/** An IP packet of port 1, as it stands on the wire. */
function packet({ to, from, ttl = 64, octets = 40, fragment = 0x4000 }: Packet): Uint8Array {
  return to.includes(":")
    ? ip6({ from: from ?? "fd00::1", to, next: 17, hops: ttl }, udp(1000, 2000, filler(octets)))
    : ip4(
        { from: from ?? "10.1.0.1", to, protocol: 17, ttl, fragment },
        udp(1000, 2000, filler(octets)),
      );
}

const typeOf = (to: string): number => (to.includes(":") ? 0x86dd : 0x0800);

/** Port 1 sends it to the gateway. */
const sent = (what: Packet): Uint8Array =>
  ethernet({ to: GATEWAY, from: PORTS[1] }, typeOf(what.to), packet(what));

/** The next frame: other MACs, a hop less, all else as it was. */
const next = (what: Packet, to: string, from: string): Uint8Array =>
  ethernet({ to, from }, typeOf(what.to), packet({ ...what, ttl: (what.ttl ?? 64) - 1 }));

/** As `peer` sends a frame of `vni` to us. */
function arriving(peer: Peer, frame: Uint8Array, vni = SPACE, ttl = 64): Uint8Array {
  const ends = { from: peer.address, to: LOCAL[peer.family] };
  const isVxlan = peer.encapsulation === "vxlan";
  const shim = isVxlan ? udp(50_000, 4789, join(vxlan(vni), frame)) : join(nvgre(vni), frame);
  const protocol = isVxlan ? 17 : 47;
  return peer.family === "ipv4"
    ? ethernet({ to: UPLINK, from: NEXT_HOP }, 0x0800, ip4({ ...ends, protocol, ttl }, shim))
    : ethernet(
        { to: UPLINK, from: NEXT_HOP },
        0x86dd,
        ip6({ ...ends, next: protocol, hops: ttl }, shim),
      );
}

const TARGETS = ["10.2.0.3", "fd02::3"] as const;

function dropped(why: string, frame: Uint8Array): void {
  const { action, delta } = rig.run("port", frame, "port1");
  assert.deepEqual({ action, delta }, { action: DROP, delta: { [why]: 1 } });
}

describe("from a port", () => {
  for (const to of TARGETS)
    test(`to a port of another network here: ${to}`, () => {
      setHost(to, { to: "port", target: 3, by: PORTS[3] });
      const before = rig.portCounter(3).toPackets;
      for (const ttl of [2, 64, 255]) {
        const { action, delta, octets } = rig.run("port", sent({ to, ttl }), "port1");
        assert.deepEqual({ action, delta }, { action: REDIRECT, delta: { delivered: 1 } });
        assert.equal(hex(octets), hex(next({ to, ttl }, PORTS[3], GATEWAY)));
      }
      assert.equal(rig.portCounter(3).toPackets, before + 3);
    });

  for (const to of TARGETS)
    for (const [i, peer] of PEERS.entries()) {
      const how = `${peer.encapsulation} over ${peer.family}`;
      test(`to ${to} behind another host's router, ${how}`, () => {
        const flags = ROUTE_FLAG.ROUTE_BY_ROUTER;
        setHost(to, { to: "group", target: UNDER_ROUTER + i, by: REMOTE_MAC, flags });
        const { action, delta, octets } = rig.run("port", sent({ to }), "port1");
        assert.deepEqual({ action, delta }, { action: REDIRECT, delta: { encapsulated: 1 } });
        const inner = next({ to }, THEIR_ROUTER, ROUTER);
        assert.equal(hex(octets), hex(expected(peer, inner, 0, entropyOf(peer, octets), SPACE)));
      });
      test(`to ${to} itself, ${how}`, () => {
        setHost(to, { to: "group", target: i + 1, by: REMOTE_MAC });
        const { octets, delta } = rig.run("port", sent({ to }), "port1");
        assert.deepEqual(delta, { encapsulated: 1 });
        const inner = next({ to }, REMOTE_MAC, ROUTER);
        assert.equal(hex(octets), hex(expected(peer, inner, 0, entropyOf(peer, octets), NETWORK)));
      });
    }

  test("an IPv4 sum is right for every TTL and identification", () => {
    setHost("10.2.0.3", { to: "port", target: 3, by: PORTS[3] });
    for (let ttl = 2; ttl < 256; ttl++) {
      const what = { to: "10.2.0.3", ttl, octets: ttl * 5 };
      const { octets } = rig.run("port", sent(what), "port1");
      assert.equal(hex(octets), hex(next(what, PORTS[3], GATEWAY)));
    }
  });

  test("what has no hop left goes nowhere", () => {
    for (const to of TARGETS) {
      setHost(to, { to: "port", target: 3, by: PORTS[3] });
      for (const ttl of [0, 1]) {
        const { delta } = rig.run("port", sent({ to, ttl }), "port1");
        assert.equal(delta["ttl-exceeded"], 1);
        assert.equal(delta.delivered, undefined);
      }
    }
  });

  test("no route, a route that says drop, an address found in another space only", () => {
    for (const to of ["10.9.9.9", "fd09::9"]) {
      setHost(to, { to: "port", target: 3, by: PORTS[3] }, ELSEWHERE);
      const { delta } = rig.run("port", sent({ to }), "port1");
      assert.equal(delta["no-route"], 1);
    }
    setRoutes({ "10.8.0.0/16": { to: "drop" }, "fd08::/32": { to: "drop" } });
    for (const to of ["10.8.1.1", "fd08::1"]) dropped("blackhole", sent({ to }));
  });

  test("addresses that no router passes on, either way", () => {
    rig.attach("port1", 1, {
      flags: ATTACH_FLAG.ATTACH_ROUTED | ATTACH_FLAG.ATTACH_ANY_IPV4 | ATTACH_FLAG.ATTACH_ANY_IPV6,
      space: SPACE,
    });
    setRoutes({ "0.0.0.0/0": { to: "drop" }, "::/0": { to: "drop" } });
    const four = [
      "0.1.2.3",
      "127.0.0.1",
      "169.254.1.1",
      "224.0.0.5",
      "240.0.0.1",
      "255.255.255.255",
    ];
    const six = ["::1", "fe80::1", "febf::1", "ff02::1", "::5.6.7.8"];
    for (const to of [...four, ...six]) dropped("not-routable", sent({ to }));
    for (const from of four) dropped("not-routable", sent({ from, to: "10.2.0.3" }));
    for (const from of six) dropped("not-routable", sent({ from, to: "fd02::3" }));
    for (const to of ["1.0.0.1", "126.255.255.255", "128.0.0.1", "169.253.0.1", "223.255.255.255"])
      dropped("blackhole", sent({ to }));
    for (const to of ["fec0::1", "fe7f::1", "2001:db8::1"]) dropped("blackhole", sent({ to }));
  });

  test("what is not IP", () => {
    const other = ethernet({ to: GATEWAY, from: PORTS[1] }, 0x88b5, filler(60));
    dropped("not-routable", other);
  });

  test("larger than the way carries: an octet makes the difference", () => {
    for (const to of TARGETS) {
      const most = to.includes(":") ? 1400 - 48 : 1400 - 28;
      setHost(to, { to: "port", target: 3, by: PORTS[3], mtu: 1400 });
      assert.equal(rig.run("port", sent({ to, octets: most }), "port1").delta.delivered, 1);
      const { delta } = rig.run("port", sent({ to, octets: most + 1 }), "port1");
      assert.equal(delta.delivered, undefined);
      assert.equal(delta["too-big"], 1);
    }
    // One that may be cut is the slow path's.
    const open = sent({ to: "10.2.0.3", octets: 1400, fragment: 0 });
    assert.deepEqual(rig.run("port", open, "port1").delta, { "punt-unheard": 1 });
  });

  test("an aggregate is as large as its segments", () => {
    setHost("10.2.0.3", { to: "port", target: 3, by: PORTS[3], mtu: 1400 });
    const big = ethernet(
      { to: GATEWAY, from: PORTS[1] },
      0x0800,
      ip4({ from: "10.1.0.1", to: "10.2.0.3", protocol: 6 }, tcp(1, 2, filler(3000))),
    );
    assert.equal(rig.run("port", big, "port1", 1360).delta.delivered, 1);
    assert.equal(rig.run("port", big, "port1", 1361).delta["too-big"], 1);
  });

  test("rows that contradict one another deliver nothing", () => {
    setHost("10.2.0.3", { to: "port", target: 3, by: PORTS[3], network: NETWORK });
    dropped("no-port", sent({ to: "10.2.0.3" }));
    setHost("10.2.0.3", { to: "port", target: 77, by: PORTS[3] });
    dropped("no-port", sent({ to: "10.2.0.3" }));
    setHost("10.2.0.3", { to: "group", target: 77, by: PORTS[3] });
    dropped("no-group", sent({ to: "10.2.0.3" }));
  });

  test("a network without a router does not route; the gateway's MAC is unknown there", () => {
    setHost("10.2.0.3", { to: "port", target: 3, by: PORTS[3] });
    rig.attach("port1", 1, { flags: ATTACH_FLAG.ATTACH_UNKNOWN_DROP, space: NETWORK });
    dropped("unknown-unicast", sent({ to: "10.2.0.3" }));
  });

  test("a discovered address ends at its time, without anybody", () => {
    const flags = ROUTE_FLAG.ROUTE_DISCOVERED;
    setRoutes({ "10.2.0.0/24": { to: "drop" } });
    const way: Way = { to: "port", target: 3, by: PORTS[3], flags, freshUntilNs: FOR_EVER_NS };
    setHost("10.2.0.3", way);
    assert.equal(rig.run("port", sent({ to: "10.2.0.3" }), "port1").delta.delivered, 1);
    setHost("10.2.0.3", { ...way, freshUntilNs: 1n });
    dropped("blackhole", sent({ to: "10.2.0.3" }));
  });
});

describe("the longest prefix", () => {
  const random = new Random(7);
  const below = (n: number): number => random.below(n);

  for (const family of ["ipv4", "ipv6"] as const)
    test(`${family}: as a plain search finds it`, () => {
      const width = family === "ipv4" ? 32 : 128;
      const lengths = Array.from({ length: family === "ipv4" ? 20 : 12 }, () => below(width + 1));
      const ways: Record<string, Way> = {};
      const prefixes = new Map<string, { bits: number; value: bigint; group: number }>();
      const asText = (value: bigint): string => {
        const octets = value.toString(16).padStart(width / 4, "0");
        if (family === "ipv4")
          return [0, 2, 4, 6].map((i) => Number.parseInt(octets.slice(i, i + 2), 16)).join(".");
        return octets.replaceAll(/(.{4})(?=.)/g, "$1:");
      };
      const some = (): bigint => {
        const head = family === "ipv4" ? 0x0a000000n : 0xfd000000_00000000_00000000_00000000n;
        let value = head;
        for (let bit = 8; bit < width; bit++)
          if (below(4) === 0) value |= 1n << BigInt(width - 1 - bit);
        return value;
      };
      for (let i = 0; i < 120; i++) {
        const bits = lengths[below(lengths.length)] ?? 0;
        const value = (some() >> BigInt(width - bits)) << BigInt(width - bits);
        const group = 100 + i;
        const text = `${asText(value)}/${bits}`;
        prefixes.set(text, { bits, value, group });
        ways[text] = { to: "group", target: group, by: REMOTE_MAC };
        const encapsulation = ENCAPSULATION.ENCAPSULATION_VXLAN;
        const member = [{ peer: 1, vni: 5000 + group, encapsulation, weight: 1 }];
        rig.setAt("group", group, { members: 1, member });
      }
      setRoutes(ways);
      const covered = [0, 0];
      for (let i = 0; i < 400; i++) {
        const under = [...prefixes.values()][below(prefixes.size)];
        assert.ok(under);
        const free = (1n << BigInt(width - under.bits)) - 1n;
        const value = below(2) === 0 ? some() : under.value | (some() & free);
        const best = [...prefixes.values()]
          .filter((p) => value >> BigInt(width - p.bits) === p.value >> BigInt(width - p.bits))
          .sort((a, b) => b.bits - a.bits)[0];
        const { delta, octets } = rig.run("port", sent({ to: asText(value) }), "port1");
        covered[best ? 1 : 0] = (covered[best ? 1 : 0] ?? 0) + 1;
        if (!best) {
          assert.equal(delta["no-route"], 1, asText(value));
          continue;
        }
        assert.deepEqual(delta, { encapsulated: 1 }, asText(value));
        const vni = new DataView(octets.buffer, octets.byteOffset).getUint32(46) >>> 8;
        assert.equal(vni, 5000 + best.group, asText(value));
      }
      assert.ok((covered[1] ?? 0) > 50, `${covered[1]} of 400 were covered by a prefix`);
    });

  test("an exact address comes before every prefix", () => {
    setRoutes({ "10.2.0.3/32": { to: "drop" }, "10.2.0.0/24": { to: "drop" } });
    setHost("10.2.0.3", { to: "port", target: 3, by: PORTS[3] });
    assert.equal(rig.run("port", sent({ to: "10.2.0.3" }), "port1").delta.delivered, 1);
    dropped("blackhole", sent({ to: "10.2.0.4" }));
  });
});

describe("from a tunnel", () => {
  const [FIRST, SECOND] = PEERS;
  const inner = (what: Packet, to = ROUTER): Uint8Array =>
    ethernet({ to, from: THEIR_ROUTER }, typeOf(what.to), packet(what));
  const refused = (why: string, frame: Uint8Array): void => {
    const { action, delta } = rig.run("uplink", frame, "uplink");
    assert.deepEqual({ action, delta }, { action: DROP, delta: { [why]: 1 } });
  };

  for (const peer of PEERS)
    for (const to of TARGETS)
      test(`under the router's number: ${peer.encapsulation} over ${peer.family}, ${to}`, () => {
        setHost(to, { to: "port", target: 3, by: PORTS[3] });
        const { action, delta, octets } = rig.run(
          "uplink",
          arriving(peer, inner({ to })),
          "uplink",
        );
        assert.deepEqual({ action, delta }, { action: REDIRECT, delta: { delivered: 1 } });
        assert.equal(hex(octets), hex(next({ to }, PORTS[3], GATEWAY)));
      });

  test("for another MAC than this host's router: nothing, and no flood", () => {
    setHost("10.2.0.3", { to: "port", target: 3, by: PORTS[3] });
    for (const to of [GATEWAY, THEIR_ROUTER, PORTS[3], "ff:ff:ff:ff:ff:ff"])
      refused("router-mac", arriving(FIRST, inner({ to: "10.2.0.3" }, to)));
  });

  test("from one who may not speak in the space", () => {
    setHost("10.2.0.3", { to: "port", target: 3, by: PORTS[3] });
    rig.remove("admit", pack("admitKey", { peer: 1, network: SPACE }));
    refused("not-admitted", arriving(FIRST, inner({ to: "10.2.0.3" })));
  });

  test("never on into another tunnel, whatever a route says", () => {
    setHost("10.2.0.3", { to: "group", target: 2, by: REMOTE_MAC });
    refused("split-horizon", arriving(FIRST, inner({ to: "10.2.0.3" })));
  });

  test("unless the endpoint was here a moment ago", () => {
    const flags = ROUTE_FLAG.ROUTE_MOVED | ROUTE_FLAG.ROUTE_BY_ROUTER;
    const way: Way = { to: "group", target: UNDER_ROUTER + 1, by: REMOTE_MAC, flags };
    setHost("10.2.0.3", { ...way, freshUntilNs: FOR_EVER_NS });
    const what = { to: "10.2.0.3" };
    const { action, delta, octets } = rig.run("uplink", arriving(FIRST, inner(what)), "uplink");
    const counted = { encapsulated: 1, "forwarded-straggler": 1 };
    assert.deepEqual({ action, delta }, { action: REDIRECT, delta: counted });
    const entropy = { ...entropyOf(SECOND, octets), ttl: 63 };
    assert.equal(
      hex(octets),
      hex(expected(SECOND, next(what, THEIR_ROUTER, ROUTER), 0, entropy, SPACE)),
    );
    refused("split-horizon", arriving(SECOND, inner(what)));
    setHost("10.2.0.3", { ...way, freshUntilNs: 1n });
    refused("split-horizon", arriving(FIRST, inner(what)));
  });

  test("a gateway for others sends on, also back to where it came from", () => {
    for (const peer of [FIRST, SECOND])
      rig.setVniIn({
        ...{ vtep: LOCAL[peer.family], encapsulation: peer.encapsulation },
        ...{ space: SPACE, flags: VNI_IN_FLAG.VNI_IN_GATEWAY },
      });
    for (const [i, peer] of [FIRST, SECOND].entries()) {
      setHost("10.2.0.9", { to: "group", target: i + 1, by: REMOTE_MAC });
      const what = { to: "10.2.0.9" };
      const frame = arriving(FIRST, inner(what, GATEWAY), NETWORK, 9);
      const { delta, octets } = rig.run("uplink", frame, "uplink");
      assert.deepEqual(delta, { encapsulated: 1 });
      const entropy = { ...entropyOf(peer, octets), ttl: 8 };
      assert.equal(hex(octets), hex(expected(peer, next(what, REMOTE_MAC, ROUTER), 0, entropy)));
      refused("ttl-exceeded", arriving(FIRST, inner(what, GATEWAY), NETWORK, 1));
    }
    setHost("10.2.0.3", { to: "port", target: 3, by: PORTS[3] });
    const here = rig.run(
      "uplink",
      arriving(FIRST, inner({ to: "10.2.0.3" }, GATEWAY), NETWORK),
      "uplink",
    );
    assert.deepEqual(here.delta, { delivered: 1 });
  });

  test("the gateway's MAC on a host that is not the gateway: dropped, and not flooded", () => {
    const frame = arriving(FIRST, inner({ to: "10.2.0.3" }, GATEWAY), NETWORK);
    rig.setAdmit(1, NETWORK, ADMIT_FLAG.ADMIT_DSCP_KEEP);
    refused("not-gateway", frame);
    // Another host of ours means this one, whatever it has heard of a change.
    rig.setAdmit(1, NETWORK, 0);
    rig.setVniIn({ space: SPACE });
    setHost("10.2.0.3", { to: "port", target: 3, by: PORTS[3] });
    assert.deepEqual(rig.run("uplink", frame, "uplink").delta, { delivered: 1 });
  });

  test("what only an agent can answer, and no agent listens", () => {
    refused("punt-unheard", arriving(FIRST, inner({ to: "10.77.0.1" })));
    setHost("10.2.0.3", { to: "port", target: 3, by: PORTS[3], mtu: 600 });
    refused("punt-unheard", arriving(FIRST, inner({ to: "10.2.0.3", ttl: 1 })));
    refused("punt-unheard", arriving(FIRST, inner({ to: "10.2.0.3", octets: 600 })));
    setHost("10.2.0.1", { to: "gateway" });
    refused("punt-unheard", arriving(FIRST, inner({ to: "10.2.0.1" })));
    setRoutes({ "10.2.0.0/24": { to: "glean" } });
    refused("punt-unheard", arriving(FIRST, inner({ to: "10.2.0.99" })));
  });
});
