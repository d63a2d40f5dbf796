/**
 * The agent of one host: wanted rows and the kernel's facts in, a reconciled datapath out, again and again.
 *
 *   intent files ─► compile ─┐                        ┌─► maps, links, devices
 *                            ├─► reconciler (a pass) ─┤
 *   netlink ─► facts ────────┘                        └─► status
 *   event ring ─► drops, traces
 *
 * One loop waits for all of it. Ending leaves the datapath as it is.
 */
import { createHash } from "node:crypto";
import { err, ok, type Result } from "../base/result.ts";
import { monotonicMs, sleepMs } from "../io/clock.ts";
import { log } from "../io/log.ts";
import { type DirectoryHeld, lockDirectories } from "../kernel/directory-lock.ts";
import { NamespaceFinder } from "../kernel/namespace.ts";
import { NetlinkSocket } from "../kernel/netlink.ts";
import { EventRing } from "../kernel/ring.ts";
import { Waker, waitReadable } from "../kernel/wait.ts";
import { LIMIT } from "../rows/abi.generated.ts";
import type { IdBook, Row } from "../rows/rows.ts";
import { readCounters, readEventsLost } from "./counters.ts";
import { Datapath } from "./datapath.ts";
import type { DeviceError, Kernel } from "./devices.ts";
import { EventNames } from "./events.ts";
import { IntentSource, type Wanted } from "./intent-source.ts";
import { Reconciler } from "./reconciler.ts";
import { type Answers, type Sockets, serve } from "./server.ts";
import { type AgentState, idsBeyond, writeState } from "./state.ts";
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
  /** Between looks at the kernel's tables for drift. */
  readonly auditSeconds: number;
  /** How long a next hop's MAC is vouched for; an agent that is dead for longer leaves it to the kernel. */
  readonly freshSeconds: number;
}

const TICK_MS = 1000;
const LEARNED_SWEEP_MS_MAX = 10_000;
/** After a netlink event we wait for its siblings. */
const SETTLE_MS = 20;
/** A peer that does not answer keeps us from `ready` no longer than this; until then we look often. */
const RESOLVE_MS = 3000;
const RESOLVE_LOOK_MS = 50;

export type OpenError = DeviceError | DirectoryHeld;

export class Agent {
  readonly #config: AgentConfig;
  readonly #kernel: Kernel;
  /** Heard on one socket, asked on another: what is heard among answers would wake nobody. */
  readonly #events: NetlinkSocket;
  readonly #ring: EventRing;
  readonly #waker: Waker;
  readonly #source: IntentSource;
  readonly #streams: EventStreams;
  readonly #reconciler: Reconciler;
  #rows: readonly Row[] = [];
  #ids: IdBook;
  #wanted: Wanted | null = null;
  #learnedSweepAtMs: number = 0;
  #ready: boolean = false;
  #stopping: boolean = false;

  private constructor(
    config: AgentConfig,
    opened: { kernel: Kernel; events: NetlinkSocket; ring: EventRing; waker: Waker },
    state: AgentState,
  ) {
    this.#config = config;
    this.#kernel = opened.kernel;
    this.#events = opened.events;
    this.#ring = opened.ring;
    this.#waker = opened.waker;
    this.#source = new IntentSource(config, state.rows);
    this.#ids = idsBeyond(state.ids, opened.kernel.datapath.applied);
    this.#reconciler = new Reconciler(opened.kernel, config.freshSeconds * 1000);
    this.#streams = new EventStreams(config.host, {
      retraced: (): void => this.#retrace(),
      eventsLost: (): number => readEventsLost(opened.kernel.datapath),
    });
  }

  /** Opens everything and takes over what is pinned; nothing is changed but programs behind links. */
  static open(config: AgentConfig, state: AgentState): Result<Agent, OpenError> {
    const { runDirectory, pinsDirectory, stateDirectory } = config;
    const held = lockDirectories([runDirectory, pinsDirectory, stateDirectory]);
    if (!held.ok) return held;
    const datapath = Datapath.open({
      objects: config.objectsDirectory,
      pins: pinsDirectory,
      state: stateDirectory,
    });
    if (!datapath.ok) return datapath;
    const events = NetlinkSocket.open({ groups: ["link", "neighbour", "address", "route"] });
    if (!events.ok) return events;
    const netlink = NetlinkSocket.open();
    if (!netlink.ok) return netlink;
    const ring = EventRing.open(datapath.value.map("events").fd);
    if (!ring.ok) return ring;
    const waker = Waker.open();
    if (!waker.ok) return waker;
    const kernel = {
      netlink: netlink.value,
      namespaces: new NamespaceFinder(netlink.value),
      datapath: datapath.value,
    };
    const opened = { kernel, events: events.value, ring: ring.value, waker: waker.value };
    return ok(new Agent(config, opened, state));
  }

  /** Runs until `stop`. `onReady` is called once, when all rows are in force. */
  async run(onReady: () => void): Promise<Result<null, DeviceError>> {
    const sockets = await serve(this.#config.runDirectory, this.#answers());
    if (!sockets.ok) return err(sockets.error);
    await this.#loop(onReady);
    this.#close(sockets.value);
    return ok(null);
  }

  stop(): void {
    this.#stopping = true;
    this.#waker.wake();
  }

  async #loop(onReady: () => void): Promise<void> {
    const startedMs = monotonicMs();
    const auditMs = this.#config.auditSeconds * 1000;
    const refreshMs = (this.#config.freshSeconds * 1000) / 3;
    const next = { tick: startedMs, audit: startedMs + auditMs, refresh: startedMs + refreshMs };
    await this.#reload();
    this.#pass();
    while (!this.#stopping) {
      const resolving = !this.#ready && monotonicMs() - startedMs < RESOLVE_MS;
      if (!this.#ready && this.#inForce(!resolving)) {
        this.#ready = true;
        onReady();
      }
      const dueMs = Math.min(next.tick, next.audit, next.refresh) - monotonicMs();
      const heard = await this.#wait(this.#ready || !resolving ? dueMs : RESOLVE_LOOK_MS);
      let dirty = heard || (resolving && !this.#ready);
      const now = monotonicMs();
      if (now >= next.tick) {
        next.tick = now + TICK_MS;
        dirty = (await this.#tick()) || dirty;
      }
      if (now >= next.refresh) {
        next.refresh = now + refreshMs;
        dirty = true;
      }
      if (now >= next.audit) {
        next.audit = now + auditMs;
        dirty = this.#reconciler.audit() || dirty;
      }
      if (dirty) this.#pass();
    }
  }

  /** Delivers what the datapath tells; true if the kernel told something that concerns us. */
  async #wait(timeoutMs: number): Promise<boolean> {
    const fds = [this.#events.fd, this.#ring.fd, this.#waker.fd];
    const readable = await waitReadable(fds, Math.max(0, timeoutMs));
    if (readable.includes(this.#ring.fd)) this.#streams.deliver(this.#ring.drain());
    if (!readable.includes(this.#events.fd)) return false;
    await sleepMs(SETTLE_MS);
    return this.#events.events().some((event) => this.#reconciler.concerns(event));
  }

  /** What has to be looked at now and then; true if there are other rows. */
  async #tick(): Promise<boolean> {
    this.#streams.tellLost();
    const swept = this.#kernel.datapath.sweep();
    if (!swept.ok) log("error", "old flood lists are not removed", { ...swept.error });
    this.#sweepLearned();
    return (await this.#source.changed()) && (await this.#reload());
  }

  /** What is learned is over at its time anyway: this gives back its room, a tenth of its life later at most. */
  #sweepLearned(): void {
    const ages = this.#rows.flatMap((row) =>
      row.table === "vni_in" && row.learning ? row.learning.ageSeconds : [],
    );
    const now = monotonicMs();
    if (ages.length === 0 || now < this.#learnedSweepAtMs) return;
    const tenthMs = 100 * ages.reduce((least, age) => Math.min(least, age));
    this.#learnedSweepAtMs = now + Math.min(tenthMs, LEARNED_SWEEP_MS_MAX);
    const swept = this.#kernel.datapath.sweepLearned();
    if (!swept.ok) log("error", "learned MACs that are over are not removed", { ...swept.error });
  }

  /** Reads and compiles the intent; true if other rows are wanted now. */
  async #reload(): Promise<boolean> {
    const wanted = await this.#source.read(this.#ids);
    this.#wanted = wanted;
    if (wanted.stale) {
      const { findings, problem } = wanted;
      log("error", "intent has errors: the last good rows stay in force", { findings, problem });
    }
    if (wanted.rows === null || wanted.rows === this.#rows) return false;
    const { host, stateDirectory } = this.#config;
    this.#ids = wanted.ids;
    // Before they are applied: an id that is in the kernel is never given to somebody else.
    const written = await writeState(stateDirectory, { host, ids: wanted.ids, rows: wanted.rows });
    if (!written.ok) log("error", "state is not written", { ...written.error });
    this.#rows = wanted.rows;
    this.#streams.names = new EventNames(this.#rows);
    log("info", "intent read", { rows: this.#rows.length, revision: revisionOf(this.#rows) });
    return true;
  }

  #pass(): void {
    // Without rows there is nothing to want: what is in the kernel stays.
    if (this.#rows.length > 0) this.#reconciler.pass(this.#rows, this.#streams.traced);
  }

  /** The set of traced ports has changed: put it in force now. */
  #retrace(): void {
    if (!this.#stopping) this.#pass();
  }

  #inForce(settled: boolean): boolean {
    const { problems, unreachableHosts } = this.#reconciler;
    if (this.#rows.length === 0 || problems.length > 0) return false;
    return settled || unreachableHosts.length === 0;
  }

  #answers(): Answers {
    return {
      status: (): object => this.#status(),
      counters: (): object => readCounters(this.#kernel.datapath, this.#config.host, this.#rows),
      streams: this.#streams,
      portIds: (names: readonly string[]): readonly number[] | { unknown: string } => {
        const idsByName = new Map(Object.entries(this.#ids.ports.idsByName));
        const ids: number[] = [];
        for (const name of names) {
          const id = idsByName.get(name);
          if (id === undefined) return { unknown: name };
          ids.push(id);
        }
        return ids;
      },
    };
  }

  #status(): object {
    const { problems, absentPorts, unreachableHosts, idleDevice, drift, writes } = this.#reconciler;
    const absent = new Set(absentPorts);
    const problem = this.#wanted?.problem ?? null;
    return {
      host: this.#config.host,
      ready: this.#ready,
      stale: this.#wanted?.stale ?? false,
      revision: revisionOf(this.#rows),
      pid: process.pid,
      abi: LIMIT.WEFT_ABI,
      findings: this.#wanted?.findings ?? [],
      problems: problem ? [problem, ...problems] : problems,
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
      unreachableHosts,
      idleDevice,
      drift,
      writes,
      rssOctets: process.memoryUsage.rss(),
    };
  }

  #close(sockets: Sockets): void {
    // Nobody reads the ring from here on: no frame is to be told of.
    if (this.#streams.traced.size > 0) {
      this.#streams.end();
      this.#pass();
    }
    sockets.close();
    this.#ring.close();
    this.#waker.close();
    this.#events.close();
    this.#kernel.netlink.close();
    this.#kernel.datapath.close();
  }
}

function revisionOf(rows: readonly Row[]): string {
  const hash = createHash("sha256");
  for (const row of rows) hash.update(JSON.stringify(row)).update("\n");
  return hash.digest("hex").slice(0, 16);
}
