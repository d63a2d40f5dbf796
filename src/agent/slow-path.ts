/**
 * The slow path: a tap on which the datapath hands over what it cannot do itself, and on which the answers go back.
 * Only reading, writing and saying that somebody listens happens here; what becomes of a frame is src/slow's to say.
 *
 * The tap is there as long as the agent. With it dead the datapath knows so after HEARD_MS, drops what it would hand
 * over under a verdict of its own, and forwards everything else.
 */
import { invariant, ok, type Result } from "../base/result.ts";
import { monotonicMs, monotonicNs } from "../io/clock.ts";
import { log } from "../io/log.ts";
import { setLink } from "../kernel/links.ts";
import { Tap } from "../kernel/tap.ts";
import { pack } from "../rows/pack.ts";
import { PUNT_REASONS, type PuntReason } from "../rows/punt-reasons.ts";
import type { Row } from "../rows/rows.ts";
import { emitAction, type SlowAction } from "../slow/action.ts";
import { initialSlowState, type SlowState, step } from "../slow/machine.ts";
import { type Punted, parsePunted } from "../slow/punted.ts";
import { type SlowTables, slowTablesOf } from "../slow/tables.ts";
import { type DeviceError, type Kernel, silenceIpv6 } from "./devices.ts";
import type { Endpoints } from "./endpoints.ts";

const NAME = "weft0";
/** The largest that a tap takes. */
const MTU = 65_521;
/** Renewed every second. */
const HEARD_MS = 3000;
/** Frames that are taken up before everything else has its turn. */
const FRAMES_MAX = 64;

/** What became of the frames that were handed over for one reason. */
export interface SlowCount {
  heard: number;
  /** Of these, those that something was sent for. */
  answered: number;
  /** Would have been, and its tenant's budget of answers was spent. */
  limited: number;
}

/** Who finds out where addresses are. */
type Finder = Pick<Endpoints, "sought" | "seenBehind">;

/** Whose rows, and whose addresses. */
export interface SlowSources {
  readonly rows: () => Iterable<Row>;
  readonly endpoints: Finder;
}

export class SlowPath {
  readonly #kernel: Kernel;
  readonly #tap: Tap;
  readonly #counts: ReadonlyMap<PuntReason, SlowCount>;
  readonly #sources: SlowSources;
  #tables: SlowTables | null = null;
  #state: SlowState = initialSlowState;
  /** Frames that nobody but the datapath should have sent. */
  #strange: number = 0;
  #refused: number = 0;

  private constructor(kernel: Kernel, tap: Tap, sources: SlowSources) {
    this.#kernel = kernel;
    this.#tap = tap;
    this.#sources = sources;
    this.#counts = new Map(
      PUNT_REASONS.map((reason) => [reason, { heard: 0, answered: 0, limited: 0 }]),
    );
  }

  /** The tap, its program first; nothing is handed over before `renew`. */
  static open(kernel: Kernel, sources: SlowSources): Result<SlowPath, DeviceError> {
    const tap = Tap.open(NAME);
    if (!tap.ok) return tap;
    const ready = prepare(kernel, tap.value);
    if (ready.ok) return ok(new SlowPath(kernel, tap.value, sources));
    remove(kernel, tap.value);
    return ready;
  }

  get fd(): number {
    return this.#tap.fd;
  }

  /** Says that somebody listens, for the next while. */
  renew(): void {
    this.#listenUntil(this.#tap.index, monotonicNs() + BigInt(HEARD_MS) * 1_000_000n);
  }

  /** The rows that answers are made from are others now. */
  forget(): void {
    this.#tables = null;
  }

  /** Takes up what waits, but not all of a flood; false: the tap is gone. */
  turn(): boolean {
    for (let i = 0; i < FRAMES_MAX; i++) {
      const frame = this.#tap.receive();
      if (!frame.ok) {
        log("error", "the slow path is gone", { ...frame.error });
        return false;
      }
      if (frame.value === null) return true;
      const punted = parsePunted(frame.value);
      if (punted === null) this.#strange++;
      else this.#take(punted);
    }
    return true;
  }

  #take(punted: Punted): void {
    const { endpoints } = this.#sources;
    const { reason } = punted;
    if (reason === "glean") this.#settle(reason, endpoints.sought(punted), false);
    else {
      // Who answers our questions sends to our router's MAC, and shows where he is.
      const questions = reason === "gateway" ? endpoints.seenBehind(punted) : [];
      this.#tables ??= slowTablesOf(this.#sources.rows());
      const { state, actions, isLimited } = step(this.#tables, this.#state, punted, monotonicMs());
      this.#state = state;
      this.#settle(reason, [...questions, ...actions], isLimited);
    }
  }

  #settle(reason: PuntReason, actions: readonly SlowAction[], isLimited: boolean): void {
    const count = this.#counts.get(reason);
    invariant(count !== undefined, `a count of ${reason}`);
    count.heard++;
    if (actions.length > 0) count.answered++;
    if (isLimited) count.limited++;
    this.send(actions);
  }

  send(actions: readonly SlowAction[]): void {
    for (const action of actions) {
      const sent = this.#tap.send(emitAction(action));
      if (!sent.ok) this.#refused++;
    }
  }

  get status(): object {
    const byReason = Object.fromEntries(this.#counts);
    return { interface: NAME, byReason, strange: this.#strange, refused: this.#refused };
  }

  close(): void {
    this.#listenUntil(0, 0n);
    remove(this.#kernel, this.#tap);
  }

  #listenUntil(ifindex: number, heardUntilNs: bigint): void {
    const row = pack("slowRow", { ifindex, heardUntilNs });
    const set = this.#kernel.datapath.map("slow").set(new Uint8Array(4), row);
    if (!set.ok) log("error", "the datapath does not know who listens", { ...set.error });
  }
}

/** The device first: without its program it would hand what it receives to the host. */
function remove({ datapath }: Kernel, tap: Tap): void {
  tap.close();
  datapath.detach("slow", tap.index);
}

/** Program first, then quiet, then up: nothing slips past into the host's stack. */
function prepare({ netlink, datapath }: Kernel, tap: Tap): Result<null, DeviceError> {
  const attached = datapath.attach("slow", tap.index);
  if (!attached.ok) return attached;
  const silent = silenceIpv6(NAME);
  if (!silent.ok) return silent;
  const quiet = setLink(netlink, tap.index, { arp: false, mtu: MTU, addrGenModeNone: true });
  if (!quiet.ok) return quiet;
  const up = setLink(netlink, tap.index, { up: true });
  return up.ok ? ok(null) : up;
}
