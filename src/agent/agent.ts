/**
 * The agent of one host: wanted rows and the kernel's facts in, a reconciled datapath out, again and again.
 *
 *   intent files ─► compile ─┐                         ┌─► maps, links, devices
 *                            ├─► bind ─► diff ─► apply ─┤
 *   netlink ─► facts ────────┘                         └─► status
 *   event ring ─► drops, traces
 *
 * One loop waits for all of it. Ending leaves the datapath as it is.
 */
import { createHash } from "node:crypto";
import { invariant, ok, type Result } from "../base/result.ts";
import { monotonicMs, monotonicNs, sleepMs, timestamp } from "../io/clock.ts";
import { log } from "../io/log.ts";
import { NamespaceFinder } from "../kernel/namespace.ts";
import { NetlinkSocket } from "../kernel/netlink.ts";
import { EventRing } from "../kernel/ring.ts";
import { Waker, waitReadable } from "../kernel/wait.ts";
import { LIMIT } from "../rows/abi.generated.ts";
import type { IdBook, Row } from "../rows/rows.ts";
import { AdjacencyBook, type Bound, bind } from "./bind.ts";
import { readCounters, readEventsLost } from "./counters.ts";
import { Datapath } from "./datapath.ts";
import {
  type DeviceError,
  type IdleDevice,
  type Kernel,
  prepareIdleDevice,
  preparePort,
  raisePort,
  releasePort,
} from "./devices.ts";
import { entriesOf } from "./entries.ts";
import { EventNames } from "./events.ts";
import { type HostFacts, readFacts } from "./facts.ts";
import { IntentSource, type Wanted } from "./intent-source.ts";
import { type Answers, type Sockets, serve } from "./server.ts";
import { readState, writeState } from "./state.ts";
import { EventStreams } from "./streams.ts";

export interface AgentConfig {
  readonly intentPath: string;
  readonly host: string;
  /** Sockets. */
  readonly runDirectory: string;
  /** A directory on a bpffs. */
  readonly pinsDirectory: string;
  readonly stateDirectory: string;
  /** Compiled datapath objects. */
  readonly objectsDirectory: string;
  readonly partial: boolean;
  /** Seconds between looks at the kernel's tables for drift. */
  readonly auditSeconds: number;
}

/** A thing of this host that keeps the rows from being in force, for status and log. */
export interface Problem {
  readonly code: string;
  readonly object: string;
  readonly message: string;
  readonly suggestion: string | null;
}

/** How long an adjacency is vouched for, and how often that is renewed. */
const FRESH_MS = 30_000;
const REFRESH_MS = 10_000;
const TICK_MS = 1000;
/** After a netlink event we wait for its siblings. */
const SETTLE_MS = 20;
/** A peer that does not answer keeps us from `ready` no longer than this. */
const RESOLVE_MS = 3000;

export class Agent {
  readonly #config: AgentConfig;
  readonly #kernel: Kernel;
  readonly #ring: EventRing;
  readonly #waker: Waker;
  readonly #source: IntentSource;
  readonly #streams: EventStreams;
  readonly #adjacencies: AdjacencyBook;
  /** Ifindexes whose device is made ready. */
  readonly #prepared = new Set<number>();
  #rows: readonly Row[] = [];
  #ids: IdBook;
  #wanted: Wanted | null = null;
  #bound: Bound | null = null;
  #problems: readonly Problem[] = [];
  #idle: IdleDevice | null = null;
  #freshUntilNs: bigint = 0n;
  #ready: boolean = false;
  #stopping: boolean = false;
  #drift: { entries: number; repairs: number; lastAt: string | null } = {
    entries: 0,
    repairs: 0,
    lastAt: null,
  };
  #writes: { set: number; removed: number } = { set: 0, removed: 0 };

  private constructor(
    config: AgentConfig,
    kernel: Kernel,
    ring: EventRing,
    waker: Waker,
    source: IntentSource,
    ids: IdBook,
  ) {
    this.#config = config;
    this.#kernel = kernel;
    this.#ring = ring;
    this.#waker = waker;
    this.#source = source;
    this.#ids = ids;
    this.#adjacencies = AdjacencyBook.of(entriesOf(kernel.datapath.applied, "adjacency"));
    this.#streams = new EventStreams(config.host, () => this.#retrace());
  }

  /** Opens everything and takes over what is pinned; nothing is changed but programs behind links. */
  static async open(config: AgentConfig): Promise<Result<Agent, DeviceError | StartError>> {
    const state = await readState(config.stateDirectory);
    if (!state.ok)
      return startError(
        `${state.error.path}: ${state.error.detail}`,
        "remove the file; ids are then given anew",
      );
    const source = new IntentSource(
      config.intentPath,
      config.host,
      config.partial,
      state.value.rows,
    );
    const netlink = NetlinkSocket.open({ groups: ["link", "neighbour", "address", "route"] });
    if (!netlink.ok) return netlink;
    const datapath = Datapath.open(config.objectsDirectory, config.pinsDirectory);
    if (!datapath.ok) return datapath;
    const ring = EventRing.open(datapath.value.map("events").fd);
    if (!ring.ok) return ring;
    const waker = Waker.open();
    if (!waker.ok) return waker;
    const kernel = {
      netlink: netlink.value,
      namespaces: new NamespaceFinder(netlink.value),
      datapath: datapath.value,
    };
    return ok(new Agent(config, kernel, ring.value, waker.value, source, state.value.ids));
  }

  /** Runs until `stop`. `onReady` is called once, when all rows are in force. */
  async run(onReady: () => void): Promise<void> {
    const sockets = await serve(this.#config.runDirectory, this.#answers());
    try {
      await this.#loop(onReady);
    } finally {
      this.#close(sockets);
    }
  }

  stop(): void {
    this.#stopping = true;
    this.#waker.wake();
  }

  async #loop(onReady: () => void): Promise<void> {
    const { netlink, datapath } = this.#kernel;
    const startedMs = monotonicMs();
    let tickMs = startedMs;
    let auditMs = startedMs + this.#config.auditSeconds * 1000;
    let refreshMs = startedMs + REFRESH_MS;
    await this.#reload();
    this.#reconcile();
    while (!this.#stopping) {
      const settled = this.#ready || monotonicMs() - startedMs > RESOLVE_MS;
      if (!this.#ready && this.#inForce(settled)) {
        this.#ready = true;
        onReady();
      }
      const untilMs = this.#ready ? tickMs - monotonicMs() : Math.min(50, tickMs - monotonicMs());
      const readable = await waitReadable(
        [netlink.fd, this.#ring.fd, this.#waker.fd],
        Math.max(0, untilMs),
      );
      if (readable.includes(this.#ring.fd)) this.#streams.deliver(this.#ring.drain());
      let dirty = !this.#ready;
      if (readable.includes(netlink.fd)) {
        await sleepMs(SETTLE_MS);
        dirty = netlink.events().length > 0 || dirty;
      }
      const now = monotonicMs();
      if (now >= tickMs) {
        tickMs = now + TICK_MS;
        if (await this.#source.changed()) dirty = (await this.#reload()) || dirty;
        this.#streams.tellLost(readEventsLost(datapath));
        this.#report("sweep flood lists", datapath.sweep());
      }
      if (now >= refreshMs) {
        refreshMs = now + REFRESH_MS;
        dirty = true;
      }
      if (now >= auditMs) {
        auditMs = now + this.#config.auditSeconds * 1000;
        dirty = this.#audit() || dirty;
      }
      if (dirty) this.#reconcile();
    }
  }

  /** Reads and compiles the intent; true if other rows are wanted now. */
  async #reload(): Promise<boolean> {
    const wanted = await this.#source.read(this.#ids);
    this.#wanted = wanted;
    if (wanted.stale)
      log("error", "intent has errors: the last good rows stay in force", {
        findings: wanted.findings,
      });
    if (wanted.rows === null || wanted.rows === this.#rows) return false;
    this.#ids = wanted.ids;
    // Before they are applied: an id that is in the kernel is never given to somebody else.
    const written = await writeState(this.#config.stateDirectory, {
      ids: wanted.ids,
      rows: wanted.rows,
    });
    if (!written.ok) log("error", "state is not written", { ...written.error });
    this.#rows = wanted.rows;
    this.#streams.names = new EventNames(this.#rows);
    log("info", "intent read", { rows: this.#rows.length, revision: revisionOf(this.#rows) });
    return true;
  }

  /** One pass from facts to kernel. What fails is a problem; the rest goes on. */
  #reconcile(): void {
    const problems: Problem[] = [];
    const { netlink, datapath } = this.#kernel;
    const remotes = this.#rows.filter((row) => row.table === "peer").map((row) => row.remote);
    const facts = readFacts(netlink, remotes);
    if (!facts.ok) {
      this.#problems = [problemOf("kernel", "netlink", facts.error)];
      log("error", "facts are not readable", { ...facts.error });
      return;
    }
    this.#freshUntilNs = monotonicNs() + BigInt(FRESH_MS) * 1_000_000n;
    const bound = this.#bind(facts.value);
    this.#bound = bound;
    this.#preparePorts(facts.value, problems);
    const applied = datapath.apply(bound.tables, bound.floods);
    if (!applied.ok) problems.push(problemOf("tables", "datapath", applied.error));
    else {
      this.#writes.set += applied.value.set;
      this.#writes.removed += applied.value.removed;
      this.#raisePorts(facts.value, problems);
      this.#attachUplinks(facts.value, problems);
    }
    this.#releasePorts(facts.value, problems);
    this.#tell(problems);
  }

  #bind(facts: HostFacts): Bound {
    return bind({
      rows: this.#rows,
      facts,
      adjacencies: this.#adjacencies,
      traced: this.#streams.traced,
      freshUntilNs: this.#freshUntilNs,
    });
  }

  #preparePorts(facts: HostFacts, problems: Problem[]): void {
    for (const row of this.#rows) {
      if (row.table !== "port") continue;
      const link = facts.linksByName.get(row.interface);
      if (!link) continue;
      const quiet = !link.arp && link.mtu === row.mtu && link.addressGeneration === "none";
      if (this.#prepared.has(link.index) && quiet) continue;
      const done = preparePort(this.#kernel, link, row.mtu);
      if (done.ok) this.#prepared.add(link.index);
      else problems.push(problemOf("port", `${row.tenant}/${row.name}`, done.error));
    }
  }

  #raisePorts(facts: HostFacts, problems: Problem[]): void {
    for (const row of this.#rows) {
      if (row.table !== "port") continue;
      const link = facts.linksByName.get(row.interface);
      if (!link || !this.#prepared.has(link.index)) continue;
      const done = raisePort(this.#kernel, link);
      if (!done.ok) problems.push(problemOf("port", `${row.tenant}/${row.name}`, done.error));
    }
  }

  #releasePorts(facts: HostFacts, problems: Problem[]): void {
    const wanted = new Set(
      this.#rows.flatMap((row) =>
        row.table === "port" ? (facts.linksByName.get(row.interface)?.index ?? []) : [],
      ),
    );
    for (const ifindex of this.#kernel.datapath.attachedTo("port")) {
      if (wanted.has(ifindex)) continue;
      const done = releasePort(this.#kernel, ifindex);
      if (done.ok) this.#prepared.delete(ifindex);
      else problems.push(problemOf("port", `interface ${ifindex}`, done.error));
    }
  }

  /** Last of all, when every table is filled; then the idle device for their aggregation. */
  #attachUplinks(facts: HostFacts, problems: Problem[]): void {
    const { datapath } = this.#kernel;
    const wanted = new Set<number>();
    for (const row of this.#rows) {
      if (row.table !== "uplink") continue;
      const link = facts.linksByName.get(row.interface);
      const problem = uplinkProblem(row, link ?? null);
      if (problem) problems.push(problem);
      if (!link) continue;
      wanted.add(link.index);
      const done = datapath.attach("uplink", link.index);
      if (!done.ok) problems.push(problemOf("uplink", row.interface, done.error));
    }
    for (const ifindex of datapath.attachedTo("uplink"))
      if (!wanted.has(ifindex)) datapath.detach("uplink", ifindex);
    const settings = this.#rows.find((row) => row.table === "settings");
    if (!settings) return;
    const idle = prepareIdleDevice(this.#kernel, settings.vxlanPort, facts.linksByName.values());
    if (!idle.ok) {
      problems.push(problemOf("idle-device", `UDP port ${settings.vxlanPort}`, idle.error));
      return;
    }
    this.#idle = idle.value;
    const gone = datapath
      .attachedTo("idle")
      .filter((i) => idle.value.at !== "ready" || i !== idle.value.ifindex);
    for (const ifindex of gone) datapath.detach("idle", ifindex);
  }

  /** Compares the kernel's tables with what we wrote; true if something has to be put right. */
  #audit(): boolean {
    const { datapath } = this.#kernel;
    const drifted = datapath.read();
    if (!drifted.ok) {
      this.#report("read tables", drifted);
      return false;
    }
    const lost = datapath.dropDeadLinks();
    for (const ifindex of lost) this.#prepared.delete(ifindex);
    const entries = drifted.value + lost.length;
    if (entries === 0) return false;
    this.#drift = {
      entries: this.#drift.entries + entries,
      repairs: this.#drift.repairs + 1,
      lastAt: timestamp(),
    };
    log("warning", "the kernel's tables were not as we left them", { entries, lostLinks: lost });
    return true;
  }

  /** The set of traced ports has changed: put it in force now. */
  #retrace(): void {
    if (this.#bound) this.#reconcile();
  }

  #inForce(settled: boolean): boolean {
    if (!this.#bound || this.#rows.length === 0 || this.#problems.length > 0) return false;
    return settled || this.#bound.unreachableHosts.length === 0;
  }

  #tell(problems: readonly Problem[]): void {
    const before = new Set(this.#problems.map((p) => p.message));
    for (const problem of problems)
      if (!before.has(problem.message)) log("error", problem.message, { ...problem });
    this.#problems = problems;
  }

  #report(what: string, outcome: Result<unknown, object>): void {
    if (!outcome.ok) log("error", `${what} failed`, { ...outcome.error });
  }

  #answers(): Answers {
    return {
      status: (): object => this.#status(),
      counters: (): object => readCounters(this.#kernel.datapath, this.#config.host, this.#rows),
      streams: this.#streams,
      portIds: (names: readonly string[]): readonly number[] | { unknown: string } => {
        const ids: number[] = [];
        for (const name of names) {
          const id = this.#ids.ports.idsByName[name];
          if (id === undefined) return { unknown: name };
          ids.push(id);
        }
        return ids;
      },
    };
  }

  #status(): object {
    const absent = new Set(this.#bound?.absentPorts ?? []);
    return {
      host: this.#config.host,
      ready: this.#ready,
      stale: this.#wanted?.stale ?? false,
      revision: revisionOf(this.#rows),
      pid: process.pid,
      abi: LIMIT.WEFT_ABI,
      findings: this.#wanted?.findings ?? [],
      problems: this.#problems,
      ports: this.#rows
        .filter((row) => row.table === "port")
        .map((row) => {
          const port = `${row.tenant}/${row.name}`;
          return {
            port,
            interface: row.interface,
            state: absent.has(port) ? "absent" : "in-force",
          };
        }),
      unreachableHosts: this.#bound?.unreachableHosts ?? [],
      idleDevice: this.#idle,
      drift: this.#drift,
      writes: this.#writes,
      rssOctets: process.memoryUsage.rss(),
    };
  }

  #close(sockets: Sockets): void {
    sockets.close();
    this.#ring.close();
    this.#waker.close();
    this.#kernel.netlink.close();
    this.#kernel.datapath.close();
  }
}

export interface StartError {
  readonly kind: "start";
  readonly message: string;
  readonly suggestion: string;
}

function startError(message: string, suggestion: string): Result<never, StartError> {
  return { ok: false, error: { kind: "start", message, suggestion } };
}

function problemOf(code: string, object: string, error: DeviceError): Problem {
  const call = error.kind === "netlink" ? `${error.operation} ${error.object}` : error.call;
  return {
    code,
    object,
    message: `${object}: ${call}: ${error.name}: ${error.detail}`,
    suggestion: null,
  };
}

export function uplinkProblem(
  row: { readonly interface: string; readonly mtu: number },
  link: { readonly up: boolean; readonly mtu: number } | null,
): Problem | null {
  const object = `uplink ${row.interface}`;
  if (!link)
    return {
      code: "missing-uplink",
      object,
      message: `${object}: this host has no interface ${row.interface}`,
      suggestion: "name the underlay interface in Host spec.uplinks[].interface",
    };
  if (!link.up)
    return {
      code: "uplink-down",
      object,
      message: `${object}: the interface is down`,
      suggestion: `ip link set ${row.interface} up`,
    };
  if (link.mtu < row.mtu)
    return {
      code: "uplink-mtu",
      object,
      message: `${object}: its MTU is ${link.mtu}, the intent counts on ${row.mtu}`,
      suggestion: `set the interface's MTU to ${row.mtu}, or Host spec.uplinks[].mtu to ${link.mtu}`,
    };
  return null;
}

function revisionOf(rows: readonly Row[]): string {
  const hash = createHash("sha256");
  for (const row of rows) hash.update(JSON.stringify(row)).update("\n");
  return hash.digest("hex").slice(0, 16);
}

invariant(FRESH_MS > 2 * REFRESH_MS, "an adjacency is renewed twice before it goes stale");
