/**
 * Sends probes from inside the workloads' namespaces and listens in all of them. Two witnesses: the targets'
 * own sockets, and the agents' traces of the sources' ports.
 */
import { randomBytes } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { err, ok, type Result } from "../base/result.ts";
import { monotonicMs, sleepMs } from "../io/clock.ts";
import type { SystemError } from "../kernel/libc.ts";
import { withNamespace } from "../kernel/namespace.ts";
import { type PacketOptions, PacketSocket } from "../kernel/packet-socket.ts";
import { VERDICTS, type VerdictName } from "../rows/abi.generated.ts";
import { judge, type ProbeResult } from "../verify/judgement.ts";
import { type AgentError, openTrace, type Trace, type TraceEvent } from "./agent-socket.ts";
import { emitForgery, type Forgery, type UnderlayHost } from "./forgery.ts";
import { emitProbeFrame, findNonce, isSentBy, NONCE_OCTETS, PROBE_PORT } from "./frame.ts";
import { namespaceFile } from "./paths.ts";
import type { Attempt, Probe, ProbePort } from "./probe.ts";

export interface ProberInput {
  readonly ports: readonly ProbePort[];
  readonly underlay: ReadonlyMap<string, UnderlayHost>;
  readonly probes: readonly Probe[];
  /** Of each managed host that is a source. */
  readonly adminSocketsByHost: ReadonlyMap<string, string>;
}

/** Sent before the receivers are drained: far below what a socket buffer or the ring of events holds. */
const BATCH = 64;
/** A probe that proved nothing is sent again, with more time: neighbours may have been unresolved. */
const ROUNDS = 3;
const QUIET_MS = [60, 250, 500] as const;
const ROUND_MS_MAX = 5000;
const TRACE_SECONDS = 60;
const MARK_OCTETS = 4;

/** Sends all probes and says what each of those that were asked for proved. */
export async function runProbes(
  input: ProberInput,
): Promise<Result<readonly ProbeResult[], SystemError | AgentError>> {
  const prober = new Prober(input.probes);
  try {
    const opened = await prober.open(input);
    if (!opened.ok) return opened;
    for (let round = 0; round < ROUNDS && prober.unsettled.length > 0; round++) {
      await prober.round(QUIET_MS[round] ?? 0);
    }
    return ok(prober.results());
  } finally {
    prober.close();
  }
}

function openSocket(
  at: { readonly namespace: string; readonly interface: string },
  options: PacketOptions = {},
): Result<PacketSocket, SystemError> {
  const opened = withNamespace(namespaceFile(at.namespace), () =>
    PacketSocket.open(at.interface, options),
  );
  if (!opened.ok) return opened;
  if (opened.value.ok) return opened.value;
  const { error } = opened.value;
  return err({ ...error, call: `${error.call} in ${at.namespace}` });
}

type Outcome = Pick<ProbeResult, "observed" | "verdict">;

/** A frame with a nonce of its own. */
interface Sent {
  readonly probe: Probe;
  readonly attempt: Attempt;
}

class Prober {
  readonly #probes: readonly Probe[];
  /** Tells our frames from all others, and this run's from another's. */
  readonly #mark: Uint8Array = randomBytes(MARK_OCTETS);
  /** By the second half of the nonce. */
  readonly #sentByNumber: Sent[] = [];
  readonly #socketsByPort = new Map<string, PacketSocket>();
  readonly #socketsByHost = new Map<string, PacketSocket>();
  readonly #traces: Trace[] = [];
  readonly #arrived = new Set<Probe>();
  readonly #verdictsByAttempt = new Map<Attempt, VerdictName>();
  /** Sources whose probes a port received, whoever was meant: by port, then protocol and source. */
  readonly #sourcesByReceiver = new Map<string, Set<string>>();
  #lastNewsMs: number = 0;

  constructor(probes: readonly Probe[]) {
    this.#probes = probes;
  }

  async open(input: ProberInput): Promise<Result<void, SystemError | AgentError>> {
    for (const station of input.ports) {
      const opened = openSocket(station);
      if (!opened.ok) return opened;
      this.#socketsByPort.set(station.port, opened.value);
    }
    const forgers = new Set(
      this.#probes.flatMap(({ forgeries }: Probe) =>
        forgeries.map((forgery: Forgery) => forgery.from.host),
      ),
    );
    for (const station of input.underlay.values()) {
      if (!forgers.has(station.host)) continue;
      // It only sends: what passes on the underlay is nobody's evidence, and may overflow.
      const opened = openSocket(station, { receiveBufferOctets: 1 });
      if (!opened.ok) return opened;
      this.#socketsByHost.set(station.host, opened.value);
    }
    const sources = new Set(this.#probes.map((probe: Probe) => probe.from));
    for (const [host, socket] of input.adminSocketsByHost) {
      const ports = [...sources].filter((p: ProbePort) => p.host === host).map((p) => p.port);
      if (ports.length === 0) continue;
      const trace = await openTrace(socket, ports, TRACE_SECONDS, (event: TraceEvent) =>
        this.#witness(event),
      );
      if (!trace.ok) return trace;
      this.#traces.push(trace.value);
    }
    return ok(undefined);
  }

  close(): void {
    for (const trace of this.#traces) trace.close();
    for (const socket of this.#socketsByPort.values()) socket.close();
    for (const socket of this.#socketsByHost.values()) socket.close();
  }

  /** Probes that have not yet come out as intended. */
  get unsettled(): readonly Probe[] {
    return this.#probes.filter((probe: Probe) => this.#outcome(probe).observed !== probe.intended);
  }

  async round(quietMs: number): Promise<void> {
    const waiting = this.unsettled;
    for (let at = 0; at < waiting.length; at += BATCH) {
      for (const probe of waiting.slice(at, at + BATCH)) this.#send(probe);
      this.#drain();
      await nextTurn();
    }
    await this.#listen(quietMs);
  }

  /** Until nothing new has come for `quietMs`, or everything is as intended. */
  async #listen(quietMs: number): Promise<void> {
    const end = monotonicMs() + ROUND_MS_MAX;
    this.#lastNewsMs = monotonicMs();
    while (monotonicMs() < Math.min(end, this.#lastNewsMs + quietMs)) {
      this.#drain();
      await sleepMs(5);
    }
  }

  #send(probe: Probe): void {
    const { protocol, from, to } = probe;
    for (const attempt of probe.attempts) {
      const { via } = attempt;
      const nonce = this.#nonce({ probe, attempt });
      // A frame that the kernel refuses (a link that is down) has no witness: it proves nothing, and that is said.
      this.#socketsByPort.get(from.port)?.send(emitProbeFrame({ protocol, from, to, via, nonce }));
    }
    const [attempt] = probe.attempts;
    if (!attempt) return;
    for (const forgery of probe.forgeries) {
      const nonce = this.#nonce({ probe, attempt });
      const inner = emitProbeFrame({ protocol, from, to, via: forgery.via, nonce });
      const forged = emitForgery(forgery, inner);
      if (forged !== null) this.#socketsByHost.get(forgery.from.host)?.send(forged);
    }
  }

  #nonce(sent: Sent): Uint8Array {
    const nonce = new Uint8Array(NONCE_OCTETS);
    nonce.set(this.#mark);
    new DataView(nonce.buffer).setUint32(MARK_OCTETS, this.#sentByNumber.length);
    this.#sentByNumber.push(sent);
    return nonce;
  }

  #drain(): void {
    for (const [port, socket] of this.#socketsByPort)
      for (let frame = socket.receive(); frame !== null; frame = socket.receive()) {
        const sent = this.#sentIn(frame);
        if (sent !== null && sent.probe.from.port !== port) this.#receive(port, sent, frame);
      }
  }

  #receive(receiver: string, { probe }: Sent, frame: Uint8Array): void {
    this.#lastNewsMs = monotonicMs();
    // Somebody's answer quotes the nonce: it says nothing of who reaches whom but him who answers.
    if (!isSentBy(frame, probe.from)) return;
    if (probe.to.port === receiver) this.#arrived.add(probe);
    const sources = this.#sourcesByReceiver.get(receiver) ?? new Set();
    this.#sourcesByReceiver.set(receiver, sources.add(`${probe.protocol} ${probe.from.port}`));
  }

  #witness(event: TraceEvent): void {
    if (event.hook !== "from-port") return;
    const sent = this.#sentIn(Buffer.from(event.headersHex, "hex"));
    const verdict = VERDICTS.find((name: VerdictName) => name === event.verdict);
    // An answer carries the nonce too, and comes from another port.
    if (sent === null || verdict === undefined || event.port !== sent.probe.from.port) return;
    this.#lastNewsMs = monotonicMs();
    this.#verdictsByAttempt.set(sent.attempt, verdict);
  }

  #sentIn(frame: Uint8Array): Sent | null {
    const nonce = findNonce(frame, this.#mark);
    if (nonce === null) return null;
    const number = new DataView(nonce.buffer, nonce.byteOffset).getUint32(MARK_OCTETS);
    return this.#sentByNumber[number] ?? null;
  }

  /** Another source whose probe the target received. */
  #control(probe: Probe): string | null {
    for (const key of this.#sourcesByReceiver.get(probe.to.port) ?? []) {
      const source = key.slice(key.indexOf(" ") + 1);
      if (source !== probe.from.port) return source;
    }
    return null;
  }

  /** The outcome of each attempt. */
  #outcomes(probe: Probe): readonly Outcome[] {
    const arrived = this.#hasArrived(probe);
    const control = this.#control(probe);
    return probe.attempts.map((attempt: Attempt): Outcome => {
      const verdict = this.#verdictsByAttempt.get(attempt) ?? null;
      const { intended } = probe;
      const { expected } = attempt;
      return { verdict, observed: judge({ intended, expected, arrived, verdict, control }) };
    });
  }

  /** Of the attempts the one that tells: the first that is not as intended, else the last. */
  #outcome(probe: Probe): Outcome {
    const outcomes = this.#outcomes(probe);
    const telling = outcomes.find(({ observed }: Outcome) => observed !== probe.intended);
    return telling ?? outcomes.at(-1) ?? { observed: "unproven", verdict: null };
  }

  /**
   * An allowed probe must arrive itself. Of a denied pair no frame at all may arrive, also not one that was
   * meant for another port of the same MAC.
   */
  #hasArrived(probe: Probe): boolean {
    if (this.#arrived.has(probe)) return true;
    if (probe.intended === "allow") return false;
    const sources = this.#sourcesByReceiver.get(probe.to.port);
    return sources?.has(`${probe.protocol} ${probe.from.port}`) ?? false;
  }

  results(): readonly ProbeResult[] {
    return this.#probes
      .filter((probe: Probe) => !probe.silent)
      .map((probe: Probe): ProbeResult => {
        const { from, to, protocol, intended } = probe;
        const { observed, verdict } = this.#outcome(probe);
        return {
          from: from.port,
          to: to.port,
          protocol,
          port: protocol === "tcp" || protocol === "udp" ? PROBE_PORT : null,
          intended,
          observed,
          control: this.#control(probe),
          verdict,
        };
      });
  }
}
