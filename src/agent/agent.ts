/**
 * The agent of one host: wanted rows and the kernel's facts in, a reconciled datapath out, again and again.
 *
 *   intent files ─► compile ─┐                        ┌─► maps, links, devices
 *                            ├─► reconciler (a pass) ─┤
 *   netlink ─► facts ────────┘                        └─► status
 *   event ring ─► drops, traces
 *   weft0 ─► what the datapath cannot do itself ─► weft0
 *
 * One loop waits for all of it. Ending leaves the datapath as it is.
 */
import { err, ok, type Result } from "../base/result.ts";
import { monotonicMs, sleepMs } from "../io/clock.ts";
import { watchIntent } from "../io/intent-files.ts";
import { log } from "../io/log.ts";
import { type DirectoryHeld, lockDirectories } from "../kernel/directory-lock.ts";
import { NamespaceFinder } from "../kernel/namespace.ts";
import { NetlinkSocket } from "../kernel/netlink.ts";
import { EventRing } from "../kernel/ring.ts";
import { Waker, waitReadable } from "../kernel/wait.ts";
import { LIMIT } from "../rows/abi.generated.ts";
import type { IdBook, Row, RowParts, RowsChange } from "../rows/rows.ts";
import { Arrivals } from "./arrivals.ts";
import { readCounters, readEventsLost } from "./counters.ts";
import { Datapath } from "./datapath.ts";
import type { DeviceError, Kernel } from "./devices.ts";
import { Endpoints } from "./endpoints.ts";
import { entriesOf } from "./entries.ts";
import { EventNames, sightingOf } from "./events.ts";
import type { IntentReader } from "./intent-reader.ts";
import { IntentSource, type Wanted } from "./intent-source.ts";
import { isLostUplink, type Problem, problemOf } from "./problem.ts";
import { Reconciler } from "./reconciler.ts";
import { Revision } from "./revision.ts";
import { type Answers, type Sockets, serve } from "./server.ts";
import { SlowPath } from "./slow-path.ts";
import { Standby } from "./standby.ts";
import { type AgentState, idsBeyond, StateFile } from "./state.ts";
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
/** The kernel tells of a lost carrier at once or, if another link changed just before, a second later: too late for us. */
const GLANCE_MS = 200;
const LEARNED_SWEEP_MS_MAX = 10_000;
/** After a netlink event we wait for its siblings. */
const SETTLE_MS = 20;
/** A file that is being written is read when nothing has happened to it for this long. */
const WRITTEN_MS = 5;
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
  readonly #state: StateFile;
  readonly #revision = new Revision();
  /** Null: it could not be made, or is gone, and is tried again. */
  #slow: SlowPath | null = null;
  #slowProblem: Problem | null = null;
  readonly #endpoints: Endpoints;
  readonly #standby: Standby;
  readonly #arrivals = new Arrivals();
  #parts: RowParts = new Map();
  #ids: IdBook;
  /** Parts that no pass has taken up yet; null: any. */
  #changed: Set<string> | null = null;
  /** The names that events are told by are those of these parts. */
  #named: boolean = false;
  /** When something last happened to the intent's files; null: nothing since they were read. */
  #touchedMs: number | null = null;
  #wanted: Wanted | null = null;
  /** Of the network that forgets first; null: none learns. */
  #learnedAgeSeconds: number | null = null;
  #learnedSweepAtMs: number = 0;
  #ready: boolean = false;
  #stopping: boolean = false;

  private constructor(
    config: AgentConfig,
    opened: { kernel: Kernel; events: NetlinkSocket; ring: EventRing; waker: Waker },
    reader: IntentReader,
    state: AgentState,
  ) {
    this.#config = config;
    this.#kernel = opened.kernel;
    this.#events = opened.events;
    this.#ring = opened.ring;
    this.#waker = opened.waker;
    this.#ids = idsBeyond(state.ids, opened.kernel.datapath.applied);
    this.#source = new IntentSource(config, reader, { parts: state.parts, ids: this.#ids });
    this.#state = new StateFile(config.stateDirectory);
    this.#reconciler = new Reconciler(opened.kernel, config.freshSeconds * 1000);
    const hosts = opened.kernel.datapath.map("host");
    this.#endpoints = new Endpoints(config.host, hosts, () => this.#rows);
    this.#standby = new Standby(entriesOf(opened.kernel.datapath.applied, "vni_in"));
    this.#streams = new EventStreams(config.host, {
      retraced: (): void => this.#retrace(),
      eventsLost: (): number => readEventsLost(opened.kernel.datapath),
    });
  }

  /** Opens everything and takes over what is pinned; nothing is changed but programs behind links. */
  static open(
    config: AgentConfig,
    reader: IntentReader,
    state: AgentState,
  ): Result<Agent, OpenError> {
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
    return ok(new Agent(config, opened, reader, state));
  }

  /** Runs until `stop`. `onReady` is called once, when all rows are in force. */
  async run(onReady: () => void): Promise<Result<null, DeviceError>> {
    const sockets = await serve(this.#config.runDirectory, this.#answers());
    if (!sockets.ok) return err(sockets.error);
    const watched = watchIntent(this.#config.intentPath, () => {
      this.#touchedMs = monotonicMs();
      this.#waker.wake();
    });
    await this.#loop(onReady);
    watched.close();
    await this.#state.close();
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
    const next = {
      ...{ tick: startedMs, glance: startedMs },
      ...{ audit: startedMs + auditMs, refresh: startedMs + refreshMs },
    };
    await this.#reload(await this.#source.read());
    this.#pass(false);
    this.#listen();
    while (!this.#stopping) {
      const resolving = !this.#ready && monotonicMs() - startedMs < RESOLVE_MS;
      if (!this.#ready && this.#inForce(!resolving)) {
        this.#ready = true;
        onReady();
      }
      const dueMs = Math.min(...Object.values(next), this.#standby.dueAtMs) - monotonicMs();
      const heard = await this.#wait(this.#ready || !resolving ? dueMs : RESOLVE_LOOK_MS);
      const looking = resolving && !this.#ready;
      let [dirty, sameFacts] = [heard || looking, !heard && !looking];
      const now = monotonicMs();
      dirty = this.#watchOthers() || dirty;
      if (this.#touchedMs !== null) dirty = (await this.#look()) || dirty;
      if (now >= next.tick) {
        next.tick = now + TICK_MS;
        dirty = (await this.#tick()) || dirty;
      }
      if (now >= next.glance) {
        next.glance = now + (this.#reconciler.hasSpareUplinks ? GLANCE_MS : TICK_MS);
        if (this.#reconciler.isOtherwiseCarried()) [dirty, sameFacts] = [true, false];
      }
      if (now >= next.refresh) {
        next.refresh = now + refreshMs;
        [dirty, sameFacts] = [true, false];
      }
      if (now >= next.audit) {
        next.audit = now + auditMs;
        this.#reconciler.audit();
        [dirty, sameFacts] = [true, false];
      }
      if (dirty) this.#pass(this.#isQuiet() && sameFacts);
    }
  }

  /** Nothing is to be heard from the kernel. Whoever asks and is told otherwise has to read everything anew. */
  #isQuiet(): boolean {
    return !this.#events.events().some((event) => this.#reconciler.concerns(event));
  }

  /** Delivers what the datapath tells; true if the kernel told something that concerns us. */
  async #wait(timeoutMs: number): Promise<boolean> {
    const fds = [this.#events.fd, this.#ring.fd, this.#waker.fd, ...this.#standby.fds];
    if (this.#slow) fds.push(this.#slow.fd);
    const readable = await waitReadable(fds, Math.max(0, timeoutMs));
    if (this.#slow && readable.includes(this.#slow.fd)) this.#takeUp(this.#slow);
    if (readable.includes(this.#waker.fd)) this.#waker.rest();
    if (readable.includes(this.#ring.fd)) this.#deliver(this.#ring.drain());
    if (!readable.includes(this.#events.fd)) return false;
    await sleepMs(SETTLE_MS);
    return !this.#isQuiet();
  }

  /** Opens the slow path, or says that it is still listened to. */
  #listen(): void {
    if (!this.#slow) {
      const opened = SlowPath.open(this.#kernel, {
        rows: () => this.#rows,
        endpoints: this.#endpoints,
      });
      const problem = opened.ok ? null : problemOf("slow-path", "weft0", opened.error);
      if (problem && this.#slowProblem === null) log("error", problem.message, { ...problem });
      this.#slowProblem = problem;
      this.#slow = opened.ok ? opened.value : null;
    }
    this.#slow?.renew();
  }

  #takeUp(slow: SlowPath): void {
    if (slow.turn()) return;
    slow.close();
    this.#slow = null;
  }

  #deliver(samples: readonly Uint8Array[]): void {
    const told = samples.filter((sample) => {
      const seen = sightingOf(sample);
      if (seen) this.#slow?.send(this.#endpoints.seenAt(seen.port, seen.headers));
      return seen === null;
    });
    if (this.#streams.followed && !this.#named) {
      this.#streams.names = new EventNames(this.#rows);
      this.#named = true;
    }
    this.#streams.deliver(told);
  }

  /** Whether other hosts are there; true if this host is to do, or to leave, what was another's. */
  #watchOthers(): boolean {
    const changed = this.#standby.turn();
    for (const part of changed) this.#changed?.add(part);
    return changed.size > 0;
  }

  /** Looks at the intent when nobody writes to it any more; true if there are other rows. */
  async #look(): Promise<boolean> {
    for (;;) {
      const waitMs = (this.#touchedMs ?? 0) + WRITTEN_MS - monotonicMs();
      if (waitMs <= 0) break;
      await sleepMs(waitMs);
    }
    this.#touchedMs = null;
    return this.#reload(await this.#source.readChanged());
  }

  /** What has to be looked at now and then; true if there are other rows. */
  async #tick(): Promise<boolean> {
    this.#listen();
    this.#slow?.send(this.#endpoints.wake());
    this.#streams.tellLost();
    const swept = this.#kernel.datapath.sweep();
    if (!swept.ok) log("error", "old flood lists are not removed", { ...swept.error });
    this.#sweepLearned();
    await this.#shortenState();
    return this.#reload(await this.#source.readChanged());
  }

  /** What is learned is over at its time anyway: this gives back its room, a tenth of its life later at most. */
  #sweepLearned(): void {
    const now = monotonicMs();
    if (this.#learnedAgeSeconds === null || now < this.#learnedSweepAtMs) return;
    this.#learnedSweepAtMs = now + Math.min(100 * this.#learnedAgeSeconds, LEARNED_SWEEP_MS_MAX);
    const swept = this.#kernel.datapath.sweepLearned();
    if (!swept.ok) log("error", "learned MACs that are over are not removed", { ...swept.error });
  }

  /** Takes up what the intent says now, if that is not what it said; true if other rows are wanted. */
  async #reload(wanted: Wanted | null): Promise<boolean> {
    if (!wanted) return false;
    this.#wanted = wanted;
    if (wanted.stale) {
      const { findings, problem } = wanted;
      log("error", "intent has errors: the last good rows stay in force", { findings, problem });
    }
    const { parts, ids } = wanted;
    // Rows of an earlier life are nobody's change, and are still to be put in force.
    const change = this.#parts.size > 0 ? wanted.change : null;
    if (parts === null || change?.parts.size === 0) return false;
    // Before they are applied: an id that is in the kernel is never given to somebody else.
    const state = { host: this.#config.host, ids, parts };
    const written = await (change ? this.#state.change(state, change) : this.#state.write(state));
    if (!written.ok) log("error", "state is not written", { ...written.error });
    this.#ids = ids;
    this.#take(parts, change);
    const changed = change ? change.parts.size : parts.size;
    log("info", "intent read", { parts: parts.size, changed, revision: this.#revision.text });
    return true;
  }

  #take(parts: RowParts, change: RowsChange | null): void {
    this.#parts = parts;
    this.#revision.change(parts, change?.parts ?? null);
    this.#learnedAgeSeconds = shortestAge(parts);
    this.#named = false;
    this.#slow?.forget();
    this.#endpoints.changed();
    this.#standby.take(parts, change?.parts ?? null);
    if (!change) this.#changed = null;
    else for (const part of change.parts) this.#changed?.add(part);
  }

  /** In time that nobody waits for. */
  async #shortenState(): Promise<void> {
    if (!this.#state.isLong) return;
    const { host } = this.#config;
    const written = await this.#state.write({ host, ids: this.#ids, parts: this.#parts });
    if (!written.ok) log("error", "state is not written", { ...written.error });
  }

  #pass(sameFacts: boolean): void {
    // Without rows there is nothing to want: what is in the kernel stays.
    if (this.#parts.size === 0) return;
    const [changed, traced] = [this.#changed, this.#streams.traced];
    const parts = this.#standby.apply(this.#parts);
    const taken = this.#reconciler.pass({ parts, changed, traced, sameFacts });
    if (!taken) return;
    this.#changed = new Set();
    const { presentPorts } = this.#reconciler;
    this.#slow?.send(this.#arrivals.announcements(presentPorts, () => this.#rows));
    this.#slow?.send(this.#standby.announcements(this.#parts));
  }

  get #rows(): readonly Row[] {
    return [...this.#parts.values()].flat();
  }

  /** The set of traced ports has changed: put it in force now. */
  #retrace(): void {
    if (!this.#stopping) this.#pass(false);
  }

  #inForce(settled: boolean): boolean {
    const { problems, unreachableHosts, isResolving, underlay } = this.#reconciler;
    const isCarried = underlay.uplinks.some(({ state }) => state === "up");
    const hindrances = problems.filter((problem) => !(isCarried && isLostUplink(problem)));
    if (this.#parts.size === 0 || hindrances.length > 0) return false;
    return settled || (unreachableHosts.length === 0 && !isResolving);
  }

  #answers(): Answers {
    return {
      status: (): object => this.#status(),
      counters: (): object => ({
        ...readCounters(this.#kernel.datapath, this.#config.host, this.#rows),
        slowPath: this.#slow?.status ?? null,
      }),
      endpoints: (): object => ({
        host: this.#config.host,
        endpoints: this.#endpoints.list(),
        refused: this.#endpoints.refusals,
      }),
      streams: this.#streams,
      portIds: (names: readonly string[]): readonly number[] | { unknown: string } => {
        const { idsByName } = this.#ids.ports;
        const ids: number[] = [];
        for (const name of names) {
          const id = Object.hasOwn(idsByName, name) ? idsByName[name] : undefined;
          if (id === undefined) return { unknown: name };
          ids.push(id);
        }
        return ids;
      },
    };
  }

  #status(): object {
    const { problems, presentPorts, unreachableHosts, underlay, idleDevice, drift, writes } =
      this.#reconciler;
    const present = new Set(presentPorts);
    const more = [this.#wanted?.problem ?? null, this.#slowProblem];
    return {
      host: this.#config.host,
      ready: this.#ready,
      stale: this.#wanted?.stale ?? false,
      revision: this.#revision.text,
      pid: process.pid,
      abi: LIMIT.WEFT_ABI,
      findings: this.#wanted?.findings ?? [],
      problems: [...more.filter((problem) => problem !== null), ...problems],
      ports: this.#rows
        .filter((row) => row.table === "port")
        .map((row) => {
          const port = `${row.tenant}/${row.name}`;
          return {
            port,
            interface: row.interface,
            state: present.has(port) ? "in-force" : "absent",
          };
        }),
      unreachableHosts,
      underlay,
      idleDevice,
      drift,
      writes,
      slowPath: this.#slow?.status ?? null,
      rssOctets: process.memoryUsage.rss(),
    };
  }

  #close(sockets: Sockets): void {
    // Nobody reads the ring from here on: no frame is to be told of.
    if (this.#streams.traced.size > 0) {
      this.#streams.end();
      this.#pass(false);
    }
    sockets.close();
    this.#slow?.close();
    this.#standby.close();
    this.#ring.close();
    this.#waker.close();
    this.#events.close();
    this.#kernel.netlink.close();
    this.#kernel.datapath.close();
  }
}

/** Life of a MAC in the network that forgets first, in seconds; null: none learns. */
function shortestAge(parts: RowParts): number | null {
  let least: number | null = null;
  for (const rows of parts.values())
    for (const row of rows)
      if (row.table === "vni_in" && row.learning)
        least = Math.min(least ?? Number.POSITIVE_INFINITY, row.learning.ageSeconds);
  return least;
}
