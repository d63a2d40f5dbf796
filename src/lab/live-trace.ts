/**
 * One marked packet in a lab: sent by the source's workload, and told by every program that has seen it. The agents of
 * both hosts trace the two ports meanwhile: the source's says what became of the frame when it was sent, the target's
 * when it came out of a tunnel. Hosts between them (a gateway) have no port of it, and say nothing.
 */
import { randomBytes } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { formatIp, type IpAddress } from "../base/ip.ts";
import { parseMac } from "../base/mac.ts";
import { err, ok, type Result } from "../base/result.ts";
import { monotonicMs, sleepMs } from "../io/clock.ts";
import { withNamespace } from "../kernel/namespace.ts";
import { PacketSocket } from "../kernel/packet-socket.ts";
import type { LiveTrace, Sighting, TraceEnd, TraceQuestion } from "../pipeline/trace/trace.ts";
import { openTrace, type Trace, type TraceEvent } from "./agent-socket.ts";
import { emitProbeFrame, findNonce, NONCE_OCTETS, type Station } from "./frame.ts";
import { hostPaths, namespaceFile } from "./paths.ts";
import { type LabState, listLabs, readState } from "./state.ts";
import type { LabPort } from "./topology.ts";

const TRACE_SECONDS = 10;
const WAIT_MS = 1000;
const TURN_MS = 20;

/** `mac`: whom the frame is for, the target's or the gateway's. An error is a sentence. */
export async function sendMarked(
  { from, to, protocol }: TraceQuestion,
  mac: string,
): Promise<Result<LiveTrace, string>> {
  if (process.getuid?.() !== 0) return err("not root: a packet is sent from inside a workload");
  const lab = labOf(from, to);
  if (!lab.ok) return lab;
  const { state, source, target } = lab.value;
  const open: { close: () => void }[] = [];
  try {
    const [sender, receiver] = [socketOf(source), socketOf(target)];
    for (const socket of [sender, receiver]) if (socket.ok) open.push(socket.value);
    if (!sender.ok) return sender;
    if (!receiver.ok) return receiver;
    /** Agents tell in their own time: sightings stand as the packet goes, and then its answer. */
    const turns = [
      ...[`${source.host} from-port`, `${target.host} from-underlay`],
      ...[`${target.host} from-port`, `${source.host} from-underlay`],
    ];
    const turnOf = ({ host, hook }: Sighting): number => turns.indexOf(`${host} ${hook}`);
    const nonce = randomBytes(NONCE_OCTETS);
    const seen: Sighting[] = [];
    for (const { host, port } of [source, target]) {
      const traced = await witness(state, host, port, nonce, seen);
      if (!traced.ok) return traced;
      open.push(traced.value);
    }
    const via = { mac: octetsOf(mac), family: to.address.family };
    const frame = { protocol, from: stationOf(from), to: stationOf(to), via, nonce };
    const sent = sender.value.send(emitProbeFrame(frame));
    if (!sent.ok) return err(`${source.port}: ${sent.error.call}: ${sent.error.name}`);
    const isReceived = await isHeard(receiver.value, nonce);
    return ok({ seen: seen.toSorted((a, b) => turnOf(a) - turnOf(b)), isReceived });
  } finally {
    for (const each of open) each.close();
  }
}

interface Ground {
  readonly state: LabState;
  readonly source: LabPort;
  readonly target: LabPort;
}

/** The lab in which both ports are built. */
function labOf(from: TraceEnd, to: TraceEnd): Result<Ground, string> {
  for (const name of listLabs()) {
    const read = readState(name);
    if (!read.ok) continue;
    const built = ({ port, host }: TraceEnd): LabPort | undefined =>
      read.value.topology.ports.find((one: LabPort) => one.port === port && one.host === host);
    const [source, target] = [built(from), built(to)];
    if (source && target) return ok({ state: read.value, source, target });
  }
  return err(`no lab is up that has ${from.port} and ${to.port ?? formatIp(to.address)}`);
}

function socketOf(at: LabPort): Result<PacketSocket, string> {
  const opened = withNamespace(namespaceFile(at.namespace), () => PacketSocket.open(at.interface));
  const socket = opened.ok ? opened.value : opened;
  return socket.ok ? socket : err(`${at.namespace}: ${socket.error.call}: ${socket.error.name}`);
}

/** Notes whatever a host's programs tell of the packet. */
async function witness(
  state: LabState,
  host: string,
  port: string,
  nonce: Uint8Array,
  seen: Sighting[],
): Promise<Result<Trace, string>> {
  const { adminSocket } = hostPaths(state.name, host);
  const traced = await openTrace(adminSocket, [port], TRACE_SECONDS, (event: TraceEvent) => {
    if (!isMarked(Buffer.from(event.headersHex, "hex"), nonce)) return;
    const { hook, verdict } = event;
    const isKnown = seen.some((one) => one.host === host && one.hook === hook);
    if (!isKnown) seen.push({ host, hook, verdict });
  });
  return traced.ok ? traced : err(`${host}: ${traced.error.detail}`);
}

const isMarked = (frame: Uint8Array, nonce: Uint8Array): boolean =>
  findNonce(frame, nonce) !== null;

async function isHeard(receiver: PacketSocket, nonce: Uint8Array): Promise<boolean> {
  const until = monotonicMs() + WAIT_MS;
  let isReceived = false;
  while (monotonicMs() < until) {
    for (let frame = receiver.receive(); frame; frame = receiver.receive())
      if (isMarked(frame, nonce)) isReceived = true;
    await nextTurn();
    await sleepMs(TURN_MS);
  }
  return isReceived;
}

const octetsOf = (mac: string): Uint8Array => parseMac(mac) ?? new Uint8Array(6);

const stationOf = ({ mac, address }: TraceEnd): Station => {
  const addresses: readonly IpAddress[] = [address];
  return { mac: octetsOf(mac ?? ""), addresses };
};
