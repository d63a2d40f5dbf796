/**
 * The programs beside their pure twin: equal rows, equal frames; equal verdicts, actions and octets out, copies of
 * flooded frames and what is learned included. Frames are drawn from a seed, so a run is the same everywhere. Needs root.
 *
 * WEFT_DIFFERENTIAL_PACKETS and WEFT_DIFFERENTIAL_SEED make another run: longer, or elsewhere.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fillSlots } from "../../src/agent/slots.ts";
import { mappedOctets } from "../../src/base/ip.ts";
import { formatMac } from "../../src/base/mac.ts";
import type { Departure, Outgoing, Tally } from "../../src/pipeline/departure.ts";
import { DECLARED, type Station } from "../../src/pipeline/fdb.ts";
import { Frame } from "../../src/pipeline/frame.ts";
import { depart } from "../../src/pipeline/from-port.ts";
import { type Arrival, arrive, type NamedLesson } from "../../src/pipeline/from-underlay.ts";
import type { BudgetScope, HostTables, Place, Way } from "../../src/pipeline/host-tables.ts";
import { type PortTables, portTablesOf } from "../../src/pipeline/port-tables.ts";
import { type UnderlayTables, underlayTablesOf } from "../../src/pipeline/underlay-tables.ts";
import {
  BUCKET_SCOPE,
  FDB_FLAG,
  ROUTE_FLAG,
  TARGET_KIND,
  VERDICTS,
  type VerdictName,
} from "../../src/rows/abi.generated.ts";
import { pack } from "../../src/rows/pack.ts";
import { ETHERNET_OCTETS } from "../../src/wire/ethernet.ts";
import { IPV4_OCTETS } from "../../src/wire/ipv4.ts";
import { type Packet, packetOf } from "./differential-frames.ts";
import {
  GATEWAY,
  LEARNING,
  MOVED,
  OVER,
  PASSING_PLACES,
  type Passing,
  passingAddresses,
  ROUTER,
  ROWS,
  SENDERS,
  SPENT_OWNER,
  SPENT_PORT,
  stationMac,
  WAYS,
} from "./differential-rows.ts";
import { Draw } from "./draw.ts";
import { hex, ip, mac } from "./frame.ts";
import { DROP, FOR_EVER_NS, INTERFACES, NEXT, type Outcome, REDIRECT, Rig } from "./rig.ts";

/** What a test run cannot show, and what does. */
const BEYOND: Readonly<Partial<Record<VerdictName, string>>> = {
  "inject-invalid": "what the agent sends has a program of its own (slow-path.test.ts)",
  "gso-unsupported": "needs what a tunnel left on a frame before (forwarding.test.ts)",
};

const PACKETS = Number(process.env.WEFT_DIFFERENTIAL_PACKETS ?? 20_000);
const SEED = Number(process.env.WEFT_DIFFERENTIAL_SEED ?? 1);
/** Of PACKETS; what is rarer than that shows nothing. */
const LEAST = 20;

/** As often as the agent writes each: all weigh the same. */
function slotted(ways: readonly Way[]): readonly Way[] {
  const candidates = ways.map((_, id) => ({ id, weight: 1 }));
  return fillSlots(candidates, new Set(ways.keys()), []).flatMap((id) => ways[id] ?? []);
}

/** What both sides learned so far, and the tables with it. */
class Twin {
  readonly #learned = new Map<string, Station>();
  readonly #passing = new Map<string, Place>();
  readonly ports: PortTables;
  readonly underlay: UnderlayTables;

  constructor() {
    const ways = new Map([...WAYS].map(([remote, list]) => [remote, slotted(list)]));
    const [ports, underlay] = [portTablesOf(ROWS, ways), underlayTablesOf(ROWS, ways)];
    const fdb = (network: number, address: string): Station | null =>
      underlay.fdb(network, address) ?? this.#learned.get(`${network} ${address}`) ?? null;
    const shared = {
      fdb,
      host: (space: number, address: string): Place | null =>
        underlay.host(space, address) ?? this.#passing.get(`${space} ${address}`) ?? null,
      spentUntilSeconds: (scope: BudgetScope, id: number): number =>
        id === (scope === "punt" ? SPENT_OWNER : SPENT_PORT) && scope !== "network" ? FOR_EVER : 0,
    };
    this.ports = { ...ports, ...shared };
    const learnedCount = (network: number): number =>
      network === LEARNING ? [...this.#learned.keys()].filter(isOf(LEARNING)).length : 0;
    this.underlay = { ...underlay, ...shared, learnedCount };
  }

  place(space: number, address: string, place: Place): void {
    this.#passing.set(`${space} ${address}`, place);
  }

  learn(network: number, address: string, station: Station): void {
    this.#learned.set(`${network} ${address}`, station);
  }
}

const isOf =
  (network: number) =>
  (key: string): boolean =>
    key.startsWith(`${network} `);

const FOR_EVER = Number.POSITIVE_INFINITY;
const untilNs = ({ isOver }: Passing): bigint => (isOver ? 1n : FOR_EVER_NS);
const lifeOf = ({ isMoved, isOver }: Passing): Pick<Place, keyof typeof DECLARED> => {
  const until = isOver ? 0 : FOR_EVER;
  return isMoved
    ? { ...DECLARED, movedUntilSeconds: until }
    : { ...DECLARED, freshUntilSeconds: until };
};

/** What passes by itself, on both sides. */
function writePassing(): void {
  for (const row of MOVED) {
    rig.set("fdb", pack("fdbKey", { network: row.network, mac: mac(row.mac) }), {
      ...{ target: row.target, kind: TARGET_KIND.TARGET_GROUP, flags: FDB_FLAG.FDB_MOVED },
      freshUntilNs: untilNs(row),
    });
    twin.learn(row.network, row.mac, { ...row, ...lifeOf(row) });
  }
  const kinds = { port: TARGET_KIND.TARGET_PORT, group: TARGET_KIND.TARGET_GROUP };
  for (const [i, place] of PASSING_PLACES.entries())
    for (const address of passingAddresses(i)) {
      const key = { space: ROUTER, address: mappedOctets({ octets: ip(address) }) };
      const life = place.isMoved ? ROUTE_FLAG.ROUTE_MOVED : ROUTE_FLAG.ROUTE_DISCOVERED;
      rig.set("host", pack("hostKey", key), {
        ...{ network: place.network, target: place.target, mtu: place.mtu },
        kind: place.kind === "port" ? kinds.port : kinds.group,
        flags: life | (place.byRouter ? ROUTE_FLAG.ROUTE_BY_ROUTER : 0),
        mac: mac(place.mac ?? "00:00:00:00:00:00"),
        freshUntilNs: untilNs(place),
        ageSeconds: 10_000_000,
      });
      twin.place(ROUTER, address, {
        ...place,
        ...lifeOf(place),
        isShared: false,
        ageSeconds: 10_000_000,
      });
    }
}

let rig: Rig;
let twin: Twin;
let heard: ReturnType<Rig["listen"]>;

before(() => {
  rig = new Rig("differential");
  rig.writeRows(
    ROWS,
    new Map(
      [...WAYS].map(([remote, ways], i) => [
        remote,
        ways.map(({ sourceMac, mac: known, isFresh }, j) => ({
          ...{ oif: rig.ifindex("uplink"), interface: "uplink", weight: 1 },
          ...{ address: `192.0.2.${128 + 8 * i + j}`, state: known ? "up" : "unresolved" },
          ...{ smac: sourceMac, l2Octets: 14, mac: known, fresh: isFresh },
        })),
      ]),
    ),
  );
  for (const [scope, id] of [
    [BUCKET_SCOPE.BUCKET_PORT, SPENT_PORT],
    [BUCKET_SCOPE.BUCKET_ANSWER, SPENT_PORT],
    [BUCKET_SCOPE.BUCKET_PUNT, SPENT_OWNER],
  ] as const)
    rig.set("bucket", pack("bucketKey", { scope, id }), { spentUntilNs: FOR_EVER_NS });
  setListening(FOR_EVER_NS);
  twin = new Twin();
  for (let i = 0; i < OVER; i++) {
    rig.set("fdb", pack("fdbKey", { network: LEARNING, mac: mac(stationMac(i)) }), {
      ...{ target: 1, kind: TARGET_KIND.TARGET_GROUP, flags: FDB_FLAG.FDB_LEARNED },
      freshUntilNs: 1n,
    });
    twin.learn(LEARNING, stationMac(i), {
      ...{ kind: "group", target: 1, ...DECLARED, freshUntilSeconds: 0 },
    });
  }
  writePassing();
  rig.set("learned", pack("learnedKey", { network: LEARNING }), { count: OVER });
  heard = rig.listen(...INTERFACES);
});
after(() => rig.close());

/** One side's answer. */
interface Said {
  readonly action: number;
  readonly tally: Tally;
  /** Octets that the program leaves behind, as hex, from an offset; null: nobody's business. */
  readonly octets: { readonly from: number; readonly text: string } | null;
  /** Copies, as hex, by the interface that they leave on. */
  readonly copies: Readonly<Record<string, readonly string[]>>;
}

const whole = (octets: Uint8Array): Said["octets"] => ({ from: 0, text: hex(octets) });
const nameOf = (port: number): string => SENDERS.find((s) => s.port === port)?.interface ?? "";

/** Where an outgoing frame is heard; null: with the agent. */
const onOf = (out: Outgoing): string | null =>
  out.to === "agent" ? null : out.to === "peer" ? "uplink" : nameOf(out.port);

function copiesOf(out: readonly Outgoing[]): Said["copies"] {
  const copies: Record<string, string[]> = {};
  for (const each of out) {
    const on = onOf(each);
    if (on !== null) copies[on] = [...(copies[on] ?? []), hex(each.octets)];
  }
  return copies;
}

/** An aggregate of a test run has no type, and the kernel makes and takes no room in such IP packets. */
const isTypeless = ({ gsoOctets }: Packet, etherType: number): boolean =>
  gsoOctets > 0 && (etherType === 0x0800 || etherType === 0x86dd);

const nowSeconds = (): number => Number(process.hrtime.bigint()) / 1e9;

/** An answer in the terms of a test run; `unchanged`: the frame, if nothing was done to it yet. */
function saidOf({ verdict, beside, out }: Departure, unchanged: Uint8Array | null): Said {
  const tally = { ...beside, [verdict]: 1 + (beside[verdict] ?? 0) };
  const [first] = out;
  if (first === undefined)
    return { action: DROP, tally, octets: unchanged && whole(unchanged), copies: {} };
  if (verdict === "flooded") return { action: DROP, tally, octets: null, copies: copiesOf(out) };
  const from = first.to === "peer" && first.isByNeighbour ? 12 : 0;
  const octets = { from, text: hex(first.octets.slice(from)) };
  return { action: REDIRECT, tally, octets, copies: {} };
}

/** Said on the last step, when the frame is another already. */
const LATE: readonly VerdictName[] = ["no-group", "no-peer", "no-port", "no-adjacency"];

function twinOfPort(packet: Packet): Said {
  const frame = frameOf(packet);
  const departure = depart(frame, packet.on, listening(twin.ports, packet), nowSeconds());
  const isRouted = formatMac(packet.frame) === GATEWAY;
  if (departure.verdict === "encapsulated" && isTypeless(packet, frame.u16(12))) {
    const tally = { ...departure.beside, "encap-failed": 1 };
    const isChanged = isRouted || tally["mss-clamped"];
    return { action: DROP, tally, octets: isChanged ? null : whole(packet.frame), copies: {} };
  }
  // What is dropped on its last step may have its outer headers already.
  const isAsItWas =
    !departure.beside["mss-clamped"] &&
    departure.verdict !== "no-adjacency" &&
    !(isRouted && LATE.includes(departure.verdict));
  return saidOf(departure, isAsItWas ? packet.frame : null);
}

function twinOfUplink(packet: Packet, arrival: Arrival): Said {
  const { verdict, tunnel, lesson } = arrival;
  if (verdict === "passed" || verdict === "passed-shared")
    return { action: NEXT, tally: { [verdict]: 1 }, octets: whole(packet.frame), copies: {} };
  const isOut = [...LATE, "delivered", "flooded", "no-receiver", "encapsulated"].includes(verdict);
  if (tunnel?.kind !== "sound" || !isOut) return saidOf(arrival, null);
  // A runt is grown, which makes one packet of it again.
  const isRunt = packet.frame.length < tunnel.innerAt + ETHERNET_OCTETS + IPV4_OCTETS;
  if (!isTypeless(packet, frameOf(packet).u16(12)) || isRunt) return saidOf(arrival, null);
  const beside = lesson?.verdict ? { [lesson.verdict]: 1 } : {};
  return { action: DROP, tally: { ...beside, "decap-failed": 1 }, octets: null, copies: {} };
}

const frameOf = ({ frame, gsoOctets }: Packet): Frame =>
  new Frame(frame, { wireOctets: frame.length, segmentOctets: gsoOctets });

/** The tables of an agent who listens, or does not. */
const listening = <T extends HostTables>(tables: T, { isUnheard }: Packet): T => ({
  ...tables,
  agentHeardUntilSeconds: isUnheard ? 0 : FOR_EVER,
});

function twinOf(packet: Packet): { readonly said: Said; readonly lesson: NamedLesson | null } {
  if (packet.hook === "port") return { said: twinOfPort(packet), lesson: null };
  if (packet.hook === "uplink") {
    const arrival = arrive(frameOf(packet), listening(twin.underlay, packet), nowSeconds());
    return { said: twinOfUplink(packet, arrival), lesson: arrival.lesson };
  }
  const tally = { "idle-device": 1 };
  return { said: { action: DROP, tally, octets: whole(packet.frame), copies: {} }, lesson: null };
}

/** Answers and punts have budgets; what they are after each is not compared. */
function refill(): void {
  for (const { port: id } of SENDERS)
    if (id !== SPENT_PORT)
      rig.set("bucket", pack("bucketKey", { scope: BUCKET_SCOPE.BUCKET_ANSWER, id }), {});
  rig.set("bucket", pack("bucketKey", { scope: BUCKET_SCOPE.BUCKET_PUNT, id: 1 }), {});
  rig.events();
}

function setListening(heardUntilNs: bigint): void {
  rig.setAt("slow", 0, { ifindex: rig.ifindex("spare"), heardUntilNs });
}

/** What the program says, as far as the twin's answer lets it be compared. */
function programOf({ hook, frame, on, gsoOctets, isUnheard }: Packet, like: Said): Said {
  const { tally } = like;
  if (tally["icmp-sent"] || tally.punted || tally.discovered) refill();
  if (isUnheard) setListening(0n);
  const { action, delta, octets }: Outcome = rig.run(hook, frame, on, gsoOctets);
  if (isUnheard) setListening(FOR_EVER_NS);
  const from = like.octets?.from ?? 0;
  const copies = Object.entries(
    delta.flooded || Object.keys(like.copies).length > 0 ? heard() : {},
  );
  return {
    action,
    tally: delta,
    octets: like.octets && { from, text: hex(octets.slice(from)) },
    copies: Object.fromEntries(
      copies
        .filter(([, frames]) => frames.length > 0)
        .map(([name, frames]) => [name, frames.map(hex)]),
    ),
  };
}

/** Both sides' answer, which is one. */
function agreed(packet: Packet, name: string): Said {
  const { said, lesson } = twinOf(packet);
  // A copy of an aggregate without a type is nothing that the kernel could transmit.
  if (packet.gsoOctets > 0 && Object.keys(said.copies).length > 0)
    return agreed({ ...packet, gsoOctets: 0 }, name);
  const found = programOf(packet, said);
  const { hook, on, gsoOctets, frame } = packet;
  assert.deepEqual(found, said, `${name}: ${hook} on ${on}, GSO ${gsoOctets}, ${hex(frame)}`);
  if (lesson?.station) twin.learn(lesson.network, lesson.mac, lesson.station);
  return said;
}

/** Encapsulation and family of a tunnel packet, by its first octets. */
function kindsOf(outer: Uint8Array): readonly string[] {
  const isIpv4 = outer[12] === 0x08;
  const protocol = outer[isIpv4 ? 23 : 20];
  return [isIpv4 ? "ipv4" : "ipv6", protocol === 17 ? "vxlan" : "nvgre"];
}

const add = (counts: Map<string, number>, key: string, by = 1): void => {
  counts.set(key, (counts.get(key) ?? 0) + by);
};

test(`${PACKETS} packets of seed ${SEED}: program and twin say the same, and every verdict is among them`, (t) => {
  const verdicts = new Map<string, number>();
  const kinds = new Map<string, number>();
  let sent = 0;
  rig.inside(() => {
    for (let i = 0; i < PACKETS; i++) {
      const packet = packetOf(new Draw(SEED + i * 0x9e3779b1));
      const { tally, octets } = agreed(packet, `packet ${i} of seed ${SEED}`);
      for (const [verdict, count] of Object.entries(tally)) add(verdicts, verdict, count);
      if (!tally.delivered && !tally.encapsulated) continue;
      sent++;
      const outer =
        packet.hook === "uplink" ? packet.frame : Buffer.from(octets?.text ?? "", "hex");
      // Without the link's addresses, which the kernel puts in.
      const shift = octets?.from ?? 0;
      const tunnel = shift > 0 ? Uint8Array.from([...new Uint8Array(shift), ...outer]) : outer;
      if (packet.hook === "uplink" || tally.encapsulated)
        for (const kind of kindsOf(tunnel)) add(kinds, kind);
    }
  });
  assert.deepEqual(heard(), Object.fromEntries(INTERFACES.map((name) => [name, []])), "no more");
  for (const name of VERDICTS.slice(1))
    t.diagnostic(`${name}: ${verdicts.get(name) ?? 0}${BEYOND[name] ? ` (${BEYOND[name]})` : ""}`);
  for (const [kind, count] of kinds) t.diagnostic(`delivered or encapsulated, ${kind}: ${count}`);
  const rare = VERDICTS.slice(1).filter(
    (name) => !(name in BEYOND) && (verdicts.get(name) ?? 0) < LEAST,
  );
  assert.deepEqual(rare, [], `fewer than ${LEAST} times`);
  assert.ok(sent >= 0.3 * PACKETS, `${sent} delivered or encapsulated`);
  for (const kind of ["vxlan", "nvgre", "ipv4", "ipv6"])
    assert.ok((kinds.get(kind) ?? 0) >= 0.1 * PACKETS, `${kind}: ${kinds.get(kind)}`);
});
