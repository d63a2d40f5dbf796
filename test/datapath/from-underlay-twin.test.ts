/**
 * The pure twin of from_underlay beside the program itself: equal rows, equal frames, equal verdicts. Frames are sound
 * ones of every encapsulation and family, bent in a few octets or cut, so that most get past the outer checks. Needs root.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { Frame } from "../../src/pipeline/frame.ts";
import { arrive } from "../../src/pipeline/from-underlay.ts";
import { tablesOf } from "../../src/pipeline/underlay-tables.ts";
import type { VerdictName } from "../../src/rows/abi.generated.ts";
import type { FdbRow, Row, VniInRow } from "../../src/rows/rows.ts";
import { ethernet, filler, hex, ip4, ip6, join, nvgre, u16, u32, udp, vxlan } from "./frame.ts";
import { LOCAL, NETWORK, NEXT_HOP, OTHER_NETWORK, PEERS, PORTS, Rig, UPLINK } from "./rig.ts";

const UNKNOWN_DROPS = 13_000;
const MTU = 1400;

const vniIn = (
  vtep: string,
  encapsulation: VniInRow["encapsulation"],
  network: number,
): VniInRow => ({
  table: "vni_in",
  vtep,
  encapsulation,
  vni: network,
  network,
  mtu: MTU,
  dscp: "uniform",
  unknownUnicast: network === UNKNOWN_DROPS ? "drop" : "flood",
  learning: null,
});
const fdb = (network: number, mac: string, kind: FdbRow["kind"], target: number): FdbRow => ({
  table: "fdb",
  network,
  mac,
  kind,
  target,
});
const ENCAPSULATIONS = ["vxlan", "nvgre"] as const;
const SHARED = "192.0.2.7";
const DROPPED = "02:00:00:00:0d:0d";
const NOWHERE = "02:00:00:00:0e:0e";

/** What the rig is told, as rows; one more than it tells itself would be a difference. */
const rows: readonly Row[] = [
  { table: "settings", hashSeed: 0, vxlanPort: 4789, gatewayMac: null },
  { table: "vtep", address: LOCAL.ipv4, shared: false },
  { table: "vtep", address: LOCAL.ipv6, shared: false },
  { table: "vtep", address: SHARED, shared: true },
  ...[NETWORK, OTHER_NETWORK, UNKNOWN_DROPS].flatMap((network) =>
    [LOCAL.ipv4, LOCAL.ipv6, SHARED].flatMap((vtep) =>
      ENCAPSULATIONS.map((encapsulation) => vniIn(vtep, encapsulation, network)),
    ),
  ),
  ...PEERS.map(({ address }, i): Row => ({ table: "peer_in", address, peer: i + 1 })),
  ...PEERS.flatMap((_, i): readonly Row[] =>
    [NETWORK, UNKNOWN_DROPS].map((network) => ({
      table: "admit",
      peer: i + 1,
      network,
      dscpKeep: false,
      learnedGroup: null,
    })),
  ),
  fdb(NETWORK, PORTS[1], "port", 1),
  fdb(NETWORK, PORTS[2], "port", 2),
  fdb(NETWORK, PORTS[3], "port", 3),
  fdb(NETWORK, DROPPED, "drop", 0),
  ...PEERS.map(({ mac }, i) => fdb(NETWORK, mac, "group", i + 1)),
  ...([1, 2, 3] as const).map(
    (port): Row => ({
      table: "port",
      port,
      tenant: "t",
      name: `p${port}`,
      networkName: "n",
      network: port === 3 ? OTHER_NETWORK : NETWORK,
      interface: `port${port}`,
      attachment: "veth",
      mtu: MTU,
    }),
  ),
  { table: "flood", network: NETWORK, local: [1, 2], lists: [], bumPps: null },
];

let rig: Rig;
before(() => {
  rig = new Rig("twin");
  rig.populate();
  for (const row of rows) {
    if (row.table === "vtep") rig.setVtep(row.address, row.shared ? 1 : 0);
    else if (row.table === "vni_in")
      rig.setVniIn({ ...row, flags: row.unknownUnicast === "drop" ? 2 : 0 });
    else if (row.table === "admit") rig.setAdmit(row.peer, row.network, 0);
    else if (row.table === "fdb") rig.setFdb(row.mac, row.kind, row.target, row.network);
  }
  rig.setFlood(NETWORK, [[1, 2]]);
});
after(() => rig.close());

/** What is sound, seven times in eight; else one of the others. */
const mostly = <T>(sound: T, ...others: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof(
    { weight: 7, arbitrary: fc.constant(sound) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );
const oneOf = <T>(...of: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...of);

const SOUND_TYPES = [0x0800, 0x0800, 0x86dd, 0x0806, 0x88b5] as const;
const BROADCAST = "ff:ff:ff:ff:ff:ff";

interface InnerFrame {
  readonly to: string;
  readonly from: string;
  readonly type: number;
  readonly ecn: number;
  readonly octets: number;
}

function innerOf({ to, from, type, ecn, octets }: InnerFrame): Uint8Array {
  const body = filler(octets);
  const [v4, v6] = [
    { from: "10.1.0.9", to: "10.1.0.1", protocol: 17, tos: ecn },
    { from: "fd00::9", to: "fd00::1", next: 17, class: ecn },
  ];
  const payload = type === 0x0800 ? ip4(v4, body) : type === 0x86dd ? ip6(v6, body) : body;
  return ethernet({ to, from }, type, payload);
}

const innerFrames = fc
  .record({
    to: oneOf<string>(
      PORTS[1],
      PORTS[1],
      PORTS[1],
      PORTS[3],
      DROPPED,
      NOWHERE,
      PEERS[0].mac,
      BROADCAST,
    ),
    from: mostly<string>(PEERS[0].mac, "00:00:00:00:00:00", "01:00:5e:00:00:01"),
    type: oneOf(...SOUND_TYPES, ...SOUND_TYPES, 0x8100, 0x88a8, 0x9100),
    ecn: fc.nat(3),
    octets: oneOf(0, 1, 20, 46, 60, MTU - 40, MTU - 20, MTU, MTU + 1),
    kept: mostly(Number.POSITIVE_INFINITY, 0, 13, 14, 33, 53),
  })
  .map(({ kept, ...frame }) => innerOf(frame).slice(0, kept));

const shims = fc.record({
  encapsulation: oneOf<VniInRow["encapsulation"]>(...ENCAPSULATIONS),
  vni: oneOf(...new Array<number>(10).fill(NETWORK), OTHER_NETWORK, UNKNOWN_DROPS, 0, 0xffffff),
  port: mostly(4789, 4790),
  flags: mostly(0x08000000, 0x08ffffff, 0xf7000000, 0),
  greFlags: mostly(0x2000, 0x3000, 0xa000, 0x2001, 0x23f8, 0x6000),
  greType: mostly(0x6558, 0x0800),
  inner: innerFrames,
});

const outers = fc.record({
  isIpv6: fc.boolean(),
  peer: mostly("own", "other", "unknown"),
  to: mostly("own", "shared", "other"),
  tos: fc.nat(3),
  options: mostly(0, 4, 40),
  fragment: mostly(0x4000, 0, 0x2000, 0x0001, 0x8000),
  extension: mostly("none", "fragment", "hop-by-hop"),
  offset: oneOf(0, 1, 8, 9),
  trailer: oneOf(0, 0, 4),
});

/** A frame, before anybody bends it. */
const whole = fc.tuple(shims, outers).map(([shim, outer]) => {
  const isVxlan = shim.encapsulation === "vxlan";
  const payload = isVxlan
    ? udp(50_000, shim.port, join(vxlan(shim.vni, shim.flags), shim.inner))
    : join(nvgre(shim.vni, shim.greFlags, shim.greType, 7), shim.inner);
  const protocol = isVxlan ? 17 : 47;
  const wire = { to: UPLINK, from: NEXT_HOP };
  const trailer = filler(outer.trailer);
  if (!outer.isIpv6) {
    const from = { own: PEERS[0].address, other: PEERS[1].address }[outer.peer] ?? "192.0.2.98";
    const to = { own: LOCAL.ipv4, shared: SHARED, other: "192.0.2.99" }[outer.to] ?? "";
    const { tos, fragment } = outer;
    const options = filler(outer.options);
    return ethernet(
      wire,
      0x0800,
      ip4({ from, to, protocol, tos, fragment, options }, payload),
      trailer,
    );
  }
  const from = { own: PEERS[2].address, other: PEERS[3].address }[outer.peer] ?? "2001:db8::98";
  const to = outer.to === "other" ? "2001:db8::99" : LOCAL.ipv6;
  const header =
    outer.extension === "none"
      ? []
      : join([protocol, 0], u16(outer.extension === "fragment" ? outer.offset : 0), u32(7));
  const next = { none: protocol, fragment: 44, "hop-by-hop": 0 }[outer.extension] ?? protocol;
  return ethernet(
    wire,
    0x86dd,
    ip6({ from, to, next, class: outer.tos }, header, payload),
    trailer,
  );
});

/** A few octets among the headers changed, the end cut off, or neither. A test run takes no IP frame without its whole IP header. */
const frames = fc
  .tuple(
    whole,
    fc.array(fc.tuple(fc.nat(110), fc.nat(255)), { maxLength: 2 }),
    fc.nat(1000),
    fc.nat(2),
  )
  .map(([frame, changes, cut, bent]) => {
    if (bent === 0) for (const [at, octet] of changes) if (at < frame.length) frame[at] = octet;
    const least = frame[12] === 0x86 && frame[13] === 0xdd ? 54 : 34;
    return cut < least || cut > 130 ? frame : frame.slice(0, cut);
  });

const RUNS = 8000;
/** Of RUNS; what is rarer than that shows nothing. */
const LEAST = 10;
const REACHED: readonly VerdictName[] = [
  "delivered",
  "flooded",
  "passed",
  "passed-shared",
  "outer-truncated",
  "outer-fragment",
  "outer-length",
  "vxlan-flags",
  "nvgre-header",
  "unknown-vni",
  "unknown-peer",
  "not-admitted",
  "inner-truncated",
  "inner-tagged",
  "inner-source",
  "too-big",
  "ecn",
  "split-horizon",
  "fdb-drop",
  "unknown-unicast",
  "no-port",
  "no-receiver",
  "decap-failed",
];

test("program and twin say the same of every frame, and every verdict is among them", () => {
  const tables = tablesOf(rows);
  const seen = new Map<VerdictName, number>();
  rig.inside(() =>
    fc.assert(
      fc.property(frames, (octets) => {
        const { verdict } = arrive(new Frame(octets), tables, 0);
        const { delta } = rig.run("uplink", octets, "uplink");
        assert.deepEqual(delta, { [verdict]: 1 }, hex(octets));
        seen.set(verdict, (seen.get(verdict) ?? 0) + 1);
      }),
      { numRuns: RUNS },
    ),
  );
  const rare = REACHED.filter((verdict) => (seen.get(verdict) ?? 0) < LEAST);
  assert.deepEqual(rare, [], JSON.stringify(Object.fromEntries(seen)));
});
