/**
 * The three programs in a bpffs and a network namespace of their own, with rows that a test writes itself: one
 * uplink, ports, and the octets and counters that come out. Needs root.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { AdjacencyBook } from "../../src/agent/adjacency-book.ts";
import { bind } from "../../src/agent/bind.ts";
import type { NextHop } from "../../src/agent/facts.ts";
import { mappedOctets } from "../../src/base/ip.ts";
import {
  attachTcxIngress,
  BpfMap,
  closeBpfFd,
  cpuCount,
  type LoadedObject,
  loadBpfObject,
  runProgram,
} from "../../src/kernel/bpf.ts";
import { interfaceIndex } from "../../src/kernel/libc.ts";
import { readLinks } from "../../src/kernel/links.ts";
import { withNamespace } from "../../src/kernel/namespace.ts";
import { NetlinkSocket } from "../../src/kernel/netlink.ts";
import { PacketSocket } from "../../src/kernel/packet-socket.ts";
import { EventRing } from "../../src/kernel/ring.ts";
import {
  ADMIT_FLAG,
  ENCAPSULATION,
  FAMILY,
  FLOOD_LIST,
  LAYOUTS,
  SOURCE_KIND,
  TARGET_KIND,
  VERDICTS,
  type VerdictName,
} from "../../src/rows/abi.generated.ts";
import { integerOf, type LayoutName, pack, type Values } from "../../src/rows/pack.ts";
import type { Row } from "../../src/rows/rows.ts";
import { must } from "../kernel/scratch.ts";
import { ip, mac } from "./frame.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const OBJECTS = join(ROOT, "build/datapath");

/** Key and row layouts of the tables that tests write; "index" is an array's. */
const SHAPES = {
  settings: ["index", "settingsRow"],
  vtep: ["vtepKey", "vtepRow"],
  adjacency: ["index", "adjacencyRow"],
  peer: ["index", "peerRow"],
  group: ["index", "groupRow"],
  port: ["index", "portRow"],
  peer_in: ["peerInKey", "peerInRow"],
  admit: ["admitKey", "admitRow"],
  fdb: ["fdbKey", "fdbRow"],
  vni_in: ["vniInKey", "vniInRow"],
  attach: ["attachKey", "attachRow"],
  flood: ["floodKey", "floodRow"],
  flood_member: ["floodMemberKey", "floodMemberRow"],
  bucket: ["bucketKey", "bucketRow"],
  learned: ["learnedKey", "learnedRow"],
  host: ["hostKey", "routeRow"],
  route: ["routeKey", "routeRow"],
  space: ["spaceKey", "spaceRow"],
  gateway: ["gatewayKey", "gatewayRow"],
  slow: ["index", "slowRow"],
} as const;

type TableName = keyof typeof SHAPES;
type RowLayout<T extends TableName> = (typeof SHAPES)[T][1];

/** Packets by verdict, of those verdicts that were counted at all. */
export type Delta = Readonly<Partial<Record<VerdictName, number>>>;

export interface Outcome {
  /** -1 next, 2 drop, 7 redirect. */
  readonly action: number;
  readonly delta: Delta;
  readonly octets: Uint8Array;
}

export const NEXT = -1;
export const DROP = 2;
export const REDIRECT = 7;

export type Hook = "port" | "uplink" | "idle" | "slow" | "sweep";

const PROGRAMS = {
  port: ["from-port.bpf.o", "from_port"],
  uplink: ["from-underlay.bpf.o", "from_underlay"],
  idle: ["idle-device.bpf.o", "idle_device"],
  slow: ["from-slow-path.bpf.o", "from_slow_path"],
  sweep: ["sweep.bpf.o", "sweep"],
} as const;

/** Programs of stages.bpf.c. */
type Stage =
  | ("refuse_ttl" | "refuse_route" | "refuse_blackhole" | "refuse_gateway" | "echo" | "mss")
  | ("hand_over" | "hand_over_outer" | "tell_of");
const isHook = (name: string): name is Hook => Object.hasOwn(PROGRAMS, name);

const u32 = (value: number): Uint8Array => {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value, true);
  return out;
};

/** Both ends of every pair are in the namespace: what leaves by `port1` is received on `far-port1`. */
export const INTERFACES = ["uplink", "port1", "port2", "port3", "spare"] as const;
type InterfaceName = (typeof INTERFACES)[number];

export class Rig {
  readonly #namespace: string;
  readonly #pins: string;
  readonly #objects: LoadedObject[] = [];
  readonly #maps = new Map<string, BpfMap>();
  readonly #ifindexes = new Map<string, number>();
  readonly #sockets: PacketSocket[] = [];
  readonly #links: number[] = [];
  #isInside = false;
  #before: readonly (readonly [number, number])[] = [];
  #ring: EventRing | null = null;

  constructor(what: string) {
    this.#namespace = `weft-t-${what}-${process.pid}`;
    this.#pins = mkdtempSync(join(tmpdir(), "weft-t-bpf-"));
    execFileSync("mount", ["-t", "bpf", "bpf", this.#pins]);
    try {
      execFileSync("ip", ["netns", "add", this.#namespace]);
      this.#makeInterfaces();
      mkdirSync(join(this.#pins, "maps"));
      for (const [file] of Object.values(PROGRAMS)) this.#load(join(OBJECTS, file));
    } catch (error) {
      this.close();
      throw error;
    }
    this.#before = this.#counters();
  }

  #load(file: string): void {
    this.#objects.push(must(loadBpfObject(file, join(this.#pins, "maps"))));
  }

  /** Makes single stages of the datapath programs that run() knows. */
  addStages(): void {
    const directory = mkdtempSync(join(tmpdir(), "weft-t-"));
    const object = join(directory, "stages.o");
    const arch = execFileSync("gcc", ["-print-multiarch"], { encoding: "utf8" }).trim();
    try {
      execFileSync("clang", [
        ...["-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Wall", "-Wextra", "-Werror"],
        "-Wno-unused-function",
        ...[`-I/usr/include/${arch}`, `-I${join(ROOT, "datapath")}`],
        ...["-c", join(import.meta.dirname, "stages.bpf.c"), "-o", object],
      ]);
      this.#load(object);
    } finally {
      rmSync(directory, { recursive: true });
    }
  }

  #makeInterfaces(): void {
    const lines = INTERFACES.flatMap((name) => [
      `link add ${name} mtu 9000 type veth peer name far-${name} mtu 9000`,
      `link set ${name} addrgenmode none arp off up`,
      `link set far-${name} addrgenmode none arp off up`,
    ]);
    execFileSync("ip", ["-n", this.#namespace, "-batch", "-"], { input: lines.join("\n") });
    this.inside(() => {
      for (const name of INTERFACES) {
        this.#ifindexes.set(name, interfaceIndex(name));
        for (const end of [name, `far-${name}`])
          writeFileSync(`/proc/sys/net/ipv6/conf/${end}/disable_ipv6`, "1");
      }
    });
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
    for (const link of this.#links) closeBpfFd(link);
    this.#ring?.close();
    for (const object of this.#objects) object.close();
    execFileSync("umount", [this.#pins]);
    rmdirSync(this.#pins);
    execFileSync("ip", ["netns", "delete", this.#namespace]);
  }

  /** For many runs in a row: entering costs more than a run. */
  inside<T>(use: () => T): T {
    if (this.#isInside) return use();
    this.#isInside = true;
    try {
      return must(withNamespace(`/run/netns/${this.#namespace}`, use));
    } finally {
      this.#isInside = false;
    }
  }

  ifindex(name: InterfaceName): number {
    return this.#ifindexes.get(name) ?? 0;
  }

  #map(name: string, keyOctets: number, rowOctets: number, isArray: boolean): BpfMap {
    const known = this.#maps.get(name);
    if (known) return known;
    const fd = this.#objects[0]?.mapFds.get(name);
    assert.ok(fd !== undefined, `a map ${name}`);
    const map = new BpfMap(name, fd, { keyOctets, rowOctets, isArray });
    this.#maps.set(name, map);
    return map;
  }

  #table(table: TableName): BpfMap {
    const [key, row] = SHAPES[table];
    const keyOctets = key === "index" ? 4 : LAYOUTS[key].octets;
    return this.#map(table, keyOctets, LAYOUTS[row].octets, key === "index");
  }

  /** Writes a row of an array. */
  setAt<T extends TableName>(table: T, index: number, row: Values<RowLayout<T>>): void {
    must(this.#table(table).set(u32(index), pack<LayoutName>(SHAPES[table][1], row)));
  }

  /** Writes a row of any other table; `key` is packed. */
  set<T extends TableName>(table: T, key: Uint8Array, row: Values<RowLayout<T>>): void {
    must(this.#table(table).set(key, pack<LayoutName>(SHAPES[table][1], row)));
  }

  get(table: TableName, key: Uint8Array): Uint8Array | null {
    return this.#table(table).get(key);
  }

  remove(table: TableName, key: Uint8Array): void {
    must(this.#table(table).delete(key));
  }

  /** A source prefix; `bits` of the 128 of a mapped address. */
  addSource(
    port: number,
    address: string,
    bits: number,
    kind: number = SOURCE_KIND.SOURCE_ANY,
  ): void {
    const key = pack("sourceKey", {
      prefixBits: 32 + bits,
      port,
      address: mappedOctets({ octets: ip(address) }),
    });
    must(this.#map("source", LAYOUTS.sourceKey.octets, 4, false).set(key, u32(kind)));
  }

  /** All in one call: a row of every CPU beside one another. */
  #counters(): readonly (readonly [number, number])[] {
    const each = LAYOUTS.counterRow.octets;
    const map = this.#map("counter", 4, each * cpuCount(), true);
    const out = VERDICTS.map((): [number, number] => [0, 0]);
    for (const [key, rows] of must(map.entries())) {
      const verdict = new DataView(key.buffer).getUint32(0, true);
      const sum = out[verdict];
      assert.ok(sum && verdict !== 0, `verdict ${verdict} is not one`);
      for (let at = 0; at < rows.length; at += each) {
        sum[0] += integerOf("counterRow", rows, "packets", at);
        sum[1] += integerOf("counterRow", rows, "octets", at);
      }
    }
    return out;
  }

  /** What was counted since the last time that anybody asked. */
  delta(): { readonly packets: Delta; readonly octets: Delta } {
    const now = this.#counters();
    const packets: Partial<Record<VerdictName, number>> = {};
    const octets: Partial<Record<VerdictName, number>> = {};
    for (const [i, name] of VERDICTS.entries()) {
      const [p = 0, o = 0] = now[i] ?? [];
      const [wasP = 0, wasO = 0] = this.#before[i] ?? [];
      if (p !== wasP) packets[name] = p - wasP;
      if (o !== wasO) octets[name] = o - wasO;
    }
    this.#before = now;
    return { packets, octets };
  }

  #program(hook: Hook | Stage): number {
    const program = isHook(hook) ? PROGRAMS[hook][1] : hook;
    const fd = this.#objects.map((o) => o.programFds.get(program)).find((f) => f !== undefined);
    assert.ok(fd !== undefined, program);
    return fd;
  }

  /** One frame through a program, as if received on `on`. Every verdict counted is in the answer. */
  run(hook: Hook | Stage, frame: Uint8Array, on: InterfaceName, gsoOctets = 0): Outcome {
    const fd = this.#program(hook);
    const { action, octets } = must(
      this.inside(() => runProgram(fd, frame, this.ifindex(on), gsoOctets)),
    );
    const counted = this.delta();
    assert.deepEqual(
      Object.keys(counted.octets),
      Object.keys(counted.packets),
      "octets are counted with packets",
    );
    return { action, delta: counted.packets, octets };
  }

  /** Puts a program on an interface, as an agent does; what is sent on the socket arrives there. */
  live(hook: Hook, on: InterfaceName): PacketSocket {
    const fd = this.#program(hook);
    this.#links.push(must(this.inside(() => attachTcxIngress(fd, this.ifindex(on)))));
    const socket = must(this.inside(() => PacketSocket.open(`far-${on}`)));
    this.#sockets.push(socket);
    return socket;
  }

  /** Everything that comes out at the far ends from now on. */
  listen(
    ...names: readonly InterfaceName[]
  ): () => Readonly<Record<string, readonly Uint8Array[]>> {
    const sockets = names.map(
      (name) => [name, must(this.inside(() => PacketSocket.open(`far-${name}`)))] as const,
    );
    this.#sockets.push(...sockets.map(([, socket]) => socket));
    return () => {
      const out: Record<string, Uint8Array[]> = {};
      for (const [name, socket] of sockets) {
        const frames: Uint8Array[] = [];
        for (let frame = socket.receive(); frame; frame = socket.receive()) frames.push(frame);
        out[name] = frames;
      }
      return out;
    };
  }

  /** Events since the last time. */
  events(): readonly Uint8Array[] {
    const fd = this.#objects[0]?.mapFds.get("events");
    assert.ok(fd !== undefined);
    this.#ring ??= must(EventRing.open(fd));
    return this.#ring.drain();
  }

  portCounter(port: number): Readonly<Record<"fromPackets" | "toPackets" | "dropped", number>> {
    const map = this.#map("port_counter", 4, LAYOUTS.portCounterRow.octets, true);
    const sum = (field: "fromPackets" | "toPackets" | "dropped"): number =>
      map.perCpu(u32(port)).reduce((n, row) => n + integerOf("portCounterRow", row, field), 0);
    return {
      fromPackets: sum("fromPackets"),
      toPackets: sum("toPackets"),
      dropped: sum("dropped"),
    };
  }

  /** Rows as an agent writes them; next hops by a peer's tunnel address. */
  writeRows(rows: readonly Row[], nextHopsByRemote: ReadonlyMap<string, readonly NextHop[]>): void {
    const links = this.inside(() => {
      const on = must(NetlinkSocket.open());
      try {
        return must(readLinks(on));
      } finally {
        on.close();
      }
    });
    const linksByName = new Map(links.map((link) => [link.name, link]));
    const { tables, floods } = bind({
      rows,
      facts: {
        linksByName,
        routesByRemote: new Map(
          [...nextHopsByRemote].map(([remote, nextHops]) => [remote, { nextHops, mtu: null }]),
        ),
        refusals: [],
      },
      adjacencies: new AdjacencyBook(),
      peersBefore: new Map(),
      traced: new Set(),
      freshUntilNs: FOR_EVER_NS,
    });
    for (const [table, entries] of tables)
      for (const { key, row } of entries.values()) {
        const map =
          table === "source"
            ? this.#map("source", LAYOUTS.sourceKey.octets, 4, false)
            : this.#table(table);
        must(map.set(key, row));
      }
    for (const [network, { lists, ...budget }] of floods)
      this.setFlood(
        network,
        lists.map((members) => members.map(({ target }) => target)),
        budget,
      );
  }

  // What most tests stand on.

  /** Two ports of NETWORK, one of OTHER_NETWORK, and a peer for each encapsulation and family. */
  populate(): void {
    this.setAt("settings", 0, { hashSeed: SEED, vxlanPort: 4789 });
    this.setPort(1, {});
    this.setPort(2, {});
    this.setPort(3, { network: OTHER_NETWORK });
    this.setFdb(PORTS[1], "port", 1);
    this.setFdb(PORTS[2], "port", 2);
    this.setFdb(PORTS[3], "port", 3, OTHER_NETWORK);
    for (const address of [LOCAL.ipv4, LOCAL.ipv6]) this.setVtep(address, 0);
    for (const [i, peer] of PEERS.entries()) {
      const id = i + 1;
      this.setAdjacency(id, {});
      this.setAt("peer", id, {
        remote: mappedOctets({ octets: ip(peer.address) }),
        local: mappedOctets({ octets: ip(LOCAL[peer.family]) }),
        family: peer.family === "ipv4" ? FAMILY.FAMILY_IPV4 : FAMILY.FAMILY_IPV6,
        mtu: 9000,
        adjacencies: 1,
        adjacency: [id],
      });
      const encapsulation = ENCAPSULATION_NUMBER[peer.encapsulation];
      const member = [{ peer: id, vni: NETWORK, encapsulation, weight: 1 }];
      this.setAt("group", id, { members: 1, member });
      this.setFdb(peer.mac, "group", id);
      const address = mappedOctets({ octets: ip(peer.address) });
      this.set("peer_in", pack("peerInKey", { address }), { peer: id });
      this.setAdmit(id, NETWORK, 0);
      this.setVniIn({ vtep: LOCAL[peer.family], encapsulation: peer.encapsulation });
    }
    this.setFlood(NETWORK, [[1, 2], [2], [1], [4], [3]]);
  }

  setPort(
    port: 1 | 2 | 3,
    {
      network = NETWORK,
      ...more
    }: {
      network?: number;
      flags?: number;
      mtu?: number;
      bumIntervalNs?: number;
      bumBurstNs?: number;
    },
  ): void {
    const on = `port${port}` as const;
    this.attach(on, port, { network, ...more });
    this.setAt("port", port, { ifindex: this.ifindex(on), network, mtu: 1500 });
  }

  /** The attach row of an interface, of the MAC and addresses of `port`. */
  attach(on: InterfaceName, port: 1 | 2 | 3, values: Values<"attachRow">): void {
    this.set("attach", pack("attachKey", { ifindex: this.ifindex(on), vid: 0xffff }), {
      port,
      network: NETWORK,
      mtu: 1500,
      mac: mac(PORTS[port]),
      ipv4: ip(`10.1.0.${port}`),
      ipv6: ip(`fd00::${port}`),
      ...values,
    });
  }

  setFdb(to: string, kind: "port" | "group" | "drop", target: number, network = NETWORK): void {
    const kinds = {
      port: TARGET_KIND.TARGET_PORT,
      group: TARGET_KIND.TARGET_GROUP,
      drop: TARGET_KIND.TARGET_DROP,
    };
    this.set("fdb", pack("fdbKey", { network, mac: mac(to) }), { target, kind: kinds[kind] });
  }

  setVtep(address: string, flags: number): void {
    const key = pack("vtepKey", { address: mappedOctets({ octets: ip(address) }) });
    this.set("vtep", key, { flags });
  }

  setAdjacency(index: number, values: Values<"adjacencyRow">): void {
    this.setAt("adjacency", index, {
      oif: this.ifindex("uplink"),
      family: FAMILY.FAMILY_IPV4,
      l2Octets: 14,
      dmac: mac(NEXT_HOP),
      smac: mac(UPLINK),
      nextHop: mappedOctets({ octets: ip("192.0.2.2") }),
      freshUntilNs: FOR_EVER_NS,
      ...values,
    });
  }

  setAdmit(peer: number, network: number, flags: number, group = 0): void {
    const learns = group > 0 ? ADMIT_FLAG.ADMIT_LEARN : 0;
    this.set("admit", pack("admitKey", { peer, network }), { flags: flags | learns, group });
  }

  setVniIn(values: {
    readonly vtep?: string;
    readonly encapsulation?: "vxlan" | "nvgre";
    readonly vni?: number;
    readonly network?: number;
    readonly mtu?: number;
    readonly flags?: number;
    readonly ageSeconds?: number;
    readonly macsMax?: number;
    readonly space?: number;
  }): void {
    const { vtep = LOCAL.ipv4, encapsulation = "vxlan", vni = NETWORK } = values;
    const key = pack("vniInKey", {
      vtep: mappedOctets({ octets: ip(vtep) }),
      vni,
      encapsulation: ENCAPSULATION_NUMBER[encapsulation],
    });
    const { network = NETWORK, mtu = 1500, flags = 0, ageSeconds = 0, macsMax = 0 } = values;
    const { space = network } = values;
    this.set("vni_in", key, { network, mtu, flags, ageSeconds, macsMax, space });
  }

  /** Lists by FLOOD_LIST, each of ports or peers. */
  setFlood(
    network: number,
    lists: readonly (readonly number[])[],
    budget: { readonly bumIntervalNs?: number; readonly bumBurstNs?: number } = {},
  ): void {
    for (const [list, targets] of lists.entries())
      for (const [index, target] of targets.entries()) {
        const key = pack("floodMemberKey", { network, generation: 1, list, index });
        this.set("flood_member", key, { target, vni: list === 0 ? 0 : network });
      }
    const members = Array.from(
      { length: FLOOD_LIST.FLOOD_LISTS },
      (_, list) => lists[list]?.length ?? 0,
    );
    this.set("flood", pack("floodKey", { network }), { generation: 1, members, ...budget });
  }
}

/** CLOCK_MONOTONIC does not get there. */
export const FOR_EVER_NS: bigint = 1n << 62n;
export const SEED = 0x5eed1234;
export const NETWORK = 11_000;
export const OTHER_NETWORK = 12_000;
export const UPLINK = "02:57:00:00:00:01";
export const NEXT_HOP = "02:57:00:00:00:02";

/** MACs of the local ports. Their addresses are 10.1.0.N and fd00::N. */
export const PORTS = {
  1: "02:00:00:00:00:01",
  2: "02:00:00:00:00:02",
  3: "02:00:00:00:00:03",
} as const;

export const LOCAL = { ipv4: "192.0.2.1", ipv6: "2001:db8::1" } as const;
export const ENCAPSULATION_NUMBER = {
  vxlan: ENCAPSULATION.ENCAPSULATION_VXLAN,
  nvgre: ENCAPSULATION.ENCAPSULATION_NVGRE,
} as const;

/** Peer and group N is PEERS[N - 1]; `mac` is that of a workload behind it. */
export const PEERS = [
  { encapsulation: "vxlan", family: "ipv4", address: "192.0.2.11", mac: "02:00:00:00:01:01" },
  { encapsulation: "nvgre", family: "ipv4", address: "192.0.2.12", mac: "02:00:00:00:01:02" },
  { encapsulation: "vxlan", family: "ipv6", address: "2001:db8::11", mac: "02:00:00:00:01:03" },
  { encapsulation: "nvgre", family: "ipv6", address: "2001:db8::12", mac: "02:00:00:00:01:04" },
] as const;
