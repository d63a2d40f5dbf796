/**
 * The datapath in this host's kernel: programs, pinned maps, links. What is pinned forwards without us; opening
 * takes it over, putting our instructions behind the links that are there.
 *
 *   PINS/v<abi>/<map>             maps
 *   PINS/links/<hook>-<ifindex>   links: port, uplink, idle, slow
 */
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { invariant, ok, type Result } from "../base/result.ts";
import { monotonicNs } from "../io/clock.ts";
import {
  attachTcxIngress,
  type BpfError,
  BpfMap,
  closeBpfFd,
  type LoadedObject,
  linkIfindex,
  loadBpfObject,
  openPinned,
  pin,
  replaceProgram,
  runProgram,
} from "../kernel/bpf.ts";
import type { SystemError } from "../kernel/libc.ts";
import { LAYOUTS, LIMIT } from "../rows/abi.generated.ts";
import type { LayoutName } from "../rows/pack.ts";
import { attempt } from "./attempt.ts";
import {
  diffEntries,
  diffTouched,
  emptyTables,
  entriesOf,
  isLearned,
  keyText,
  TABLES,
  type TableName,
  type Tables,
  type Touched,
} from "./entries.ts";
import { type Floods, FloodTable } from "./floods.ts";
import { inherit, readLayouts, writeLayouts } from "./inheritance.ts";
import { withMoves } from "./moves.ts";

/** Programs by hook: file, section. */
const PROGRAMS = {
  port: ["from-port.bpf.o", "from_port"],
  uplink: ["from-underlay.bpf.o", "from_underlay"],
  idle: ["idle-device.bpf.o", "idle_device"],
  slow: ["from-slow-path.bpf.o", "from_slow_path"],
  /** Attached to nothing: run by the agent. */
  sweep: ["sweep.bpf.o", "sweep"],
} as const;

type ProgramName = keyof typeof PROGRAMS;
const PROGRAM_NAMES: readonly ProgramName[] = ["port", "uplink", "idle", "slow", "sweep"];

export const OBJECT_FILES: readonly string[] = Object.values(PROGRAMS).map(([file]) => file);

export type HookName = Exclude<ProgramName, "sweep">;
const HOOKS: readonly HookName[] = ["port", "uplink", "idle", "slow"];

/** What a test run is given to eat. */
const ANY_FRAME = new Uint8Array(64);

/** Key and row layouts by table; "index" is an array's u32, "mark" a u32 by itself. */
const SHAPES: Readonly<Record<TableName, readonly [LayoutName | "index", LayoutName | "mark"]>> = {
  settings: ["index", "settingsRow"],
  vtep: ["vtepKey", "vtepRow"],
  adjacency: ["index", "adjacencyRow"],
  peer: ["index", "peerRow"],
  group: ["index", "groupRow"],
  port: ["index", "portRow"],
  peer_in: ["peerInKey", "peerInRow"],
  admit: ["admitKey", "admitRow"],
  source: ["sourceKey", "mark"],
  fdb: ["fdbKey", "fdbRow"],
  gateway: ["gatewayKey", "gatewayRow"],
  host: ["hostKey", "routeRow"],
  route: ["routeKey", "routeRow"],
  space: ["spaceKey", "spaceRow"],
  vni_in: ["vniInKey", "vniInRow"],
  attach: ["attachKey", "attachRow"],
};

const isArray = (table: TableName): boolean => SHAPES[table][0] === "index";
const octetsOf = (shape: LayoutName | "index" | "mark"): number =>
  shape === "index" || shape === "mark" ? 4 : LAYOUTS[shape].octets;

/** What one reconciliation wrote. */
export interface Writes {
  readonly set: number;
  readonly removed: number;
}

/** Where a datapath keeps what it needs. */
export interface Places {
  /** Compiled programs. */
  readonly objects: string;
  /** A directory on a bpffs. */
  readonly pins: string;
  /** An ordinary directory that lasts. */
  readonly state: string;
}

/** Of a link's name: "port-3". */
const ifindexOf = (link: string): number => Number(link.split("-")[1]);

const makeDirectory = (directory: string): Result<unknown, SystemError> =>
  attempt(`make ${directory}`, () => mkdirSync(directory, { recursive: true, mode: 0o700 }));

export class Datapath {
  readonly #mapsDir: string;
  readonly #state: string;
  readonly #linksDir: string;
  readonly #objects: readonly LoadedObject[];
  readonly #programFds: ReadonlyMap<ProgramName, number>;
  readonly #maps: ReadonlyMap<string, BpfMap>;
  readonly #floods: FloodTable;
  /** Link fds by "hook-ifindex". */
  readonly #links = new Map<string, number>();
  #tookOver: boolean = false;
  /** What the kernel's tables hold as far as we know: written by us, or read. */
  #applied: Tables = emptyTables();

  private constructor(pins: string, state: string, objects: readonly LoadedObject[]) {
    this.#state = state;
    this.#mapsDir = join(pins, `v${LIMIT.WEFT_ABI}`);
    this.#linksDir = join(pins, "links");
    this.#objects = objects;
    this.#programFds = new Map(
      PROGRAM_NAMES.map((name, i) => {
        const fd = objects[i]?.programFds.get(PROGRAMS[name][1]);
        invariant(fd !== undefined, `no program ${PROGRAMS[name][1]}`);
        return [name, fd];
      }),
    );
    const maps = new Map<string, BpfMap>();
    const fdOf = (name: string): number => {
      const fd = objects[0]?.mapFds.get(name);
      invariant(fd !== undefined, `no map ${name}`);
      return fd;
    };
    const add = (name: string, keyOctets: number, rowOctets: number, isArray: boolean): BpfMap => {
      const map = new BpfMap(name, fdOf(name), { keyOctets, rowOctets, isArray });
      maps.set(name, map);
      return map;
    };
    for (const table of TABLES) {
      const [key, row] = SHAPES[table];
      add(table, octetsOf(key), octetsOf(row), isArray(table));
    }
    add("counter", 4, LAYOUTS.counterRow.octets, true);
    add("port_counter", 4, LAYOUTS.portCounterRow.octets, true);
    add("event_budget", 4, LAYOUTS.eventBudgetRow.octets, true);
    add("learned", LAYOUTS.learnedKey.octets, LAYOUTS.learnedRow.octets, false);
    add("bucket", LAYOUTS.bucketKey.octets, LAYOUTS.bucketRow.octets, false);
    add("slow", 4, LAYOUTS.slowRow.octets, true);
    add("events", 0, 0, false);
    const hash = (name: string, key: LayoutName, row: LayoutName): BpfMap =>
      add(name, LAYOUTS[key].octets, LAYOUTS[row].octets, false);
    this.#floods = new FloodTable(
      hash("flood", "floodKey", "floodRow"),
      hash("flood_member", "floodMemberKey", "floodMemberRow"),
    );
    this.#maps = maps;
  }

  /**
   * Loads from `objects`, and finds what is pinned under `pins`, or makes it. What is attached runs its old programs
   * until `takeOver`.
   */
  static open({ objects, pins, state }: Places): Result<Datapath, BpfError | SystemError> {
    const described = writeLayouts(state);
    if (!described.ok) return described;
    const mapsDir = join(pins, `v${LIMIT.WEFT_ABI}`);
    for (const directory of [pins, mapsDir, join(pins, "links")]) {
      const made = makeDirectory(directory);
      if (!made.ok) return made;
    }
    const loaded: LoadedObject[] = [];
    for (const name of PROGRAM_NAMES) {
      const object = loadBpfObject(join(objects, PROGRAMS[name][0]), mapsDir);
      if (!object.ok) return object;
      loaded.push(object.value);
    }
    const datapath = new Datapath(pins, state, loaded);
    const links = datapath.#findLinks();
    if (!links.ok) return links;
    const read = datapath.read();
    return read.ok ? ok(datapath) : read;
  }

  map(name: string): BpfMap {
    const map = this.#maps.get(name);
    invariant(map !== undefined, `no map ${name}`);
    return map;
  }

  get applied(): Tables {
    return this.#applied;
  }

  /** Reads every table from the kernel; the number of entries that were not as we had left them. */
  read(): Result<number, BpfError> {
    const found = emptyTables();
    let drifted = 0;
    for (const table of TABLES) {
      const into = entriesOf(found, table);
      const before = entriesOf(this.#applied, table);
      const read = this.map(table).visit((key, row) => {
        if (isLearned(table, row)) return;
        const text = keyText(key);
        const known = before.get(text);
        const same = known && row.equals(known.row);
        into.set(text, same ? known : { key: Uint8Array.from(key), row: Uint8Array.from(row) });
      });
      if (!read.ok) return read;
      const { set, remove } = diffEntries(before, into);
      drifted += set.length + remove.length;
    }
    const floods = this.#floods.read();
    if (!floods.ok) return floods;
    this.#applied = found;
    return ok(drifted + floods.value);
  }

  /**
   * Writes what differs: additions from what is pointed at to what points, then removals the other way round. With
   * `touched` nothing else is looked at.
   */
  apply(wanted: Tables, floods: Floods, touched: Touched | null): Result<Writes, BpfError> {
    const networks = touched?.networks ?? null;
    const nowNs = monotonicNs();
    const changes = TABLES.map((table) => {
      const [want, have] = [entriesOf(wanted, table), entriesOf(this.#applied, table)];
      const change = touched
        ? diffTouched(want, have, touched.keysByTable.get(table))
        : diffEntries(want, have);
      return { table, ...withMoves(table, change, have, nowNs) };
    });
    let set = 0;
    let removed = 0;
    for (const { table, set: entries } of changes) {
      // Lists point at ports and peers, and vni_in and attach let frames reach the lists.
      if (table === "vni_in") {
        const updated = this.#floods.update(floods, networks);
        if (!updated.ok) return updated;
        set += updated.value;
      }
      const map = this.map(table);
      const written = map.setMany(
        entries.map((e) => e.key),
        entries.map((e) => e.row),
      );
      if (!written.ok) return written;
      const applied = entriesOf(this.#applied, table);
      for (const entry of entries) applied.set(keyText(entry.key), entry);
      set += entries.length;
    }
    for (const { table, remove } of changes.toReversed()) {
      for (const key of remove) {
        const map = this.map(table);
        const zero = new Uint8Array(octetsOf(SHAPES[table][1]));
        const gone = isArray(table) ? map.set(key, zero) : map.delete(key);
        if (!gone.ok) return gone;
        entriesOf(this.#applied, table).delete(keyText(key));
      }
      removed += remove.length;
      if (table === "vni_in") {
        const pruned = this.#floods.prune(floods, networks);
        if (!pruned.ok) return pruned;
        removed += pruned.value;
      }
    }
    // What was learned behind a group that is gone leads nowhere: its MAC is to be learned anew.
    if (changes.some(({ table, remove }) => table === "group" && remove.length > 0)) {
      const swept = this.sweepLearned();
      if (!swept.ok) return swept;
    }
    return ok({ set, removed });
  }

  sweep(): Result<null, BpfError> {
    return this.#floods.sweep();
  }

  /** Removes what was learned and is over, or leads to a group that is gone. */
  sweepLearned(): Result<null, BpfError> {
    const program = this.#programFds.get("sweep");
    invariant(program !== undefined, "no program to sweep with");
    const done = runProgram(program, ANY_FRAME, 0);
    return done.ok ? ok(null) : done;
  }

  /** Interfaces that a hook is attached to. */
  attachedTo(hook: HookName): readonly number[] {
    return [...this.#links.keys()]
      .filter((name) => name.startsWith(`${hook}-`))
      .map((name) => Number(name.slice(hook.length + 1)));
  }

  attach(hook: HookName, ifindex: number): Result<null, BpfError> {
    const name = `${hook}-${ifindex}`;
    if (this.#links.has(name)) return ok(null);
    const program = this.#programFds.get(hook);
    invariant(program !== undefined, `no program for ${hook}`);
    const link = attachTcxIngress(program, ifindex);
    if (!link.ok) return link;
    const pinned = pin(link.value, join(this.#linksDir, name));
    if (!pinned.ok) {
      closeBpfFd(link.value);
      return pinned;
    }
    this.#links.set(name, link.value);
    return ok(null);
  }

  /** The program leaves the interface. Whoever calls has seen to it that nothing is sent there any more. */
  detach(hook: HookName, ifindex: number): void {
    const name = `${hook}-${ifindex}`;
    const fd = this.#links.get(name);
    if (fd !== undefined) this.#forget(name, fd);
  }

  /**
   * Forgets the links that hold no interface any more and removes their pins; the names of those whose interface
   * is among `present`. Somebody has detached them, or the interface was made anew under its old number: either
   * way the program is gone, and must be attached before anything else is done there.
   */
  dropDeadLinks(present: ReadonlySet<number>): Result<readonly string[], BpfError> {
    const dead = this.deadLinks();
    if (!dead.ok) return dead;
    for (const name of dead.value) {
      const fd = this.#links.get(name);
      if (fd !== undefined) this.#forget(name, fd);
    }
    return ok(dead.value.filter((name) => present.has(ifindexOf(name))));
  }

  /** Names of links that hold no interface. */
  deadLinks(): Result<readonly string[], BpfError> {
    const dead: string[] = [];
    for (const [name, fd] of this.#links) {
      const on = linkIfindex(fd);
      if (!on.ok) return on;
      if (on.value !== ifindexOf(name)) dead.push(name);
    }
    return ok(dead);
  }

  /** Pins that somebody has removed are made again, or the datapath would end with us; how many there were. */
  repin(): Result<number, BpfError | SystemError> {
    const pinned: (readonly [string, number])[] = [
      ...[...this.#maps].map(([name, { fd }]): [string, number] => [join(this.#mapsDir, name), fd]),
      ...[...this.#links].map(([name, fd]): [string, number] => [join(this.#linksDir, name), fd]),
    ];
    const missing = pinned.filter(([path]) => !existsSync(path));
    for (const directory of [this.#mapsDir, this.#linksDir]) {
      const made = makeDirectory(directory);
      if (!made.ok) return made;
    }
    for (const [path, fd] of missing) {
      const done = pin(fd, path);
      if (!done.ok) return done;
    }
    return ok(missing.length);
  }

  #forget(name: string, fd: number): void {
    rmSync(join(this.#linksDir, name), { force: true });
    closeBpfFd(fd);
    this.#links.delete(name);
  }

  close(): void {
    for (const fd of this.#links.values()) closeBpfFd(fd);
    this.#links.clear();
    for (const object of this.#objects) object.close();
  }

  /**
   * Puts our programs behind the links that were pinned before us, each at once. To be called when the tables are
   * filled: ours may be others than those of the programs before (another layout), whose pins then go.
   */
  takeOver(): Result<null, BpfError> {
    if (this.#tookOver) return ok(null);
    const inherited = this.#inherit();
    if (!inherited.ok) return inherited;
    for (const [name, fd] of this.#links) {
      const hook = HOOKS.find((h) => name.startsWith(`${h}-`));
      const program = hook && this.#programFds.get(hook);
      invariant(program !== undefined, `no program for ${name}`);
      const replaced = replaceProgram(fd, program);
      if (!replaced.ok) return replaced;
    }
    // Once more: what they learned until their last frame.
    const last = this.#inherit();
    if (!last.ok) return last;
    for (const abi of this.#otherAbis())
      rmSync(join(dirname(this.#mapsDir), `v${abi}`), { recursive: true });
    this.#tookOver = true;
    return ok(null);
  }

  /** Layouts of other releases whose maps are pinned beside ours. */
  #otherAbis(): readonly number[] {
    return readdirSync(dirname(this.#mapsDir)).flatMap((name) => {
      const abi = /^v(\d+)$/.exec(name)?.[1];
      return abi === undefined || name === basename(this.#mapsDir) ? [] : Number(abi);
    });
  }

  #inherit(): Result<null, BpfError> {
    for (const abi of this.#otherAbis()) {
      const layouts = readLayouts(this.#state, abi);
      if (!layouts) continue; // a release that knew nothing of this: its networks learn anew
      const from = join(dirname(this.#mapsDir), `v${abi}`);
      const copied = inherit(from, layouts, (table) => this.map(table));
      if (!copied.ok) return copied;
      if (copied.value === 0) continue;
      const counted = this.sweepLearned();
      if (!counted.ok) return counted;
    }
    return ok(null);
  }

  /** Links that are pinned; the pins of those whose interface is gone are removed. */
  #findLinks(): Result<null, BpfError> {
    for (const name of readdirSync(this.#linksDir)) {
      const path = join(this.#linksDir, name);
      const hook = HOOKS.find((h) => name.startsWith(`${h}-`));
      if (!hook) continue; // not ours
      const fd = openPinned(path);
      if (!fd.ok) return fd;
      if (fd.value === null) continue;
      const ifindex = linkIfindex(fd.value);
      if (!ifindex.ok) return ifindex;
      if (name === `${hook}-${ifindex.value}`) this.#links.set(name, fd.value);
      else this.#forget(name, fd.value);
    }
    return ok(null);
  }
}
