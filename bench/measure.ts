/** One contender, measured once: small packets, TCP with and without the uplink's offload, round trips. */
import {
  type Bed,
  namespaceFile,
  nextHopMac,
  programFile,
  reaches,
  restore,
  sentOnWire,
  setUplinkOffload,
  workloadAddress,
  workloadMac,
  workloadOf,
} from "./bed.ts";
import type { Contender } from "./contender.ts";
import { figureOf, type Sample } from "./figures.ts";
import { run } from "./program.ts";

/** Everything that is measured runs here; the other CPU is left to the machine. */
export const CPU = 1;
/** A share of packets that a rate may lose and still be one. */
export const LOSS_MAX = 0.001;
const RATE_MS = 600;
/** Of one stream: two streams of one path differ by a fifth, as luck places their buffers. */
const STREAM_MS = 200;
const STREAMS = 5;
export const ROUND_TRIPS = 100_000;
/** Packets in flight; fewer if so many are lost. */
const BURSTS = [64, 8, 1];
/** Ethernet, IPv4, UDP and 18 octets; the frame check sequence, which veth leaves out, makes it 64. */
const FRAME_OCTETS = 60;
/** Answered by `ping -W`: the longest that a path may take until it first carries something. */
const REACH_S = 2;
const SILENCE_S = 0.1;

/** One sample of the contender. */
export const measure = (bed: Bed, contender: Contender): Promise<Sample> =>
  between(bed, contender, () => measureUp(bed, contender));

/** Brings the contender up, does `what`, takes it down; the bed is afterwards what it was. */
export async function between<T>(
  bed: Bed,
  contender: Contender,
  what: () => Promise<T>,
): Promise<T> {
  const answer = await upAndDown(bed, contender, what);
  // Else the next contender's frames might take this one's way.
  if (await reaches(bed, SILENCE_S))
    throw new Error(`${contender.name}: still carries packets after it was taken down`);
  return answer;
}

async function upAndDown<T>(bed: Bed, contender: Contender, what: () => Promise<T>): Promise<T> {
  try {
    await contender.up(bed);
    if (!(await carries(bed)))
      throw new Error(`${contender.name}: does not carry packets from one workload to the other`);
    return await what();
  } finally {
    await contender.down(bed);
    await restore(bed);
  }
}

async function measureUp(bed: Bed, contender: Contender): Promise<Sample> {
  const packets = await measureRate(bed, contender, null);
  const trips = await measureRoundTrips(bed);
  const tcp = await measureStream(bed);
  await setUplinkOffload(bed, false);
  const tcpSegmented = await measureStream(bed);
  await setUplinkOffload(bed, true);
  return { packets, tcp, tcpSegmented, rttP50: trips.p50, rttP99: trips.p99 };
}

async function carries(bed: Bed): Promise<boolean> {
  for (let attempt = 0; attempt < 3; attempt++) {
    bed.signal.throwIfAborted();
    if (await reaches(bed, REACH_S)) return true;
  }
  return false;
}

const inNamespace = (bed: Bed, side: 1 | 2): string => namespaceFile(workloadOf(bed, side));

/** Addresses that packets are sent to, each as often as any other: `first`, and every `step`th after it. */
export interface Destinations {
  readonly first: string;
  readonly step: number;
  readonly count: number;
}

/**
 * Thousands of packets a second, to the second workload's address or to many behind it; throws if what crossed the wire
 * was not what this contender sends.
 */
export async function measureRate(
  bed: Bed,
  contender: Contender,
  to: Destinations | null,
): Promise<number> {
  for (const burst of BURSTS) {
    const before = await sentOnWire(bed);
    const answer = await rate(bed, RATE_MS, burst, to);
    const after = await sentOnWire(bed);
    const octets = (after.octets - before.octets) / (after.packets - before.packets);
    const expected = FRAME_OCTETS + contender.overheadOctets;
    if (Math.abs(octets - expected) > 0.5)
      throw new Error(
        `${contender.name}: frames of ${octets.toFixed(1)} octets on the wire, not of ${expected}`,
      );
    const sent = answer("sent");
    if (sent - answer("received") <= sent * LOSS_MAX) return answer("medianPps") / 1000;
  }
  throw new Error(`${contender.name}: loses more than ${LOSS_MAX * 100} % of its packets`);
}

/** Small packets from the first workload to the second, for so long: what rate.c prints. */
export const rate = async (
  bed: Bed,
  ms: number,
  burst: number,
  to: Destinations | null,
): Promise<Numbers> =>
  numbersOf(bed, [
    programFile("rate"),
    ...[inNamespace(bed, 1), workloadMac(1), workloadAddress(bed, 1)],
    ...[inNamespace(bed, 2), await nextHopMac(bed), to?.first ?? workloadAddress(bed, 2)],
    ...[`${CPU}`, `${ms}`, `${burst}`],
    ...(to ? [`${to.step}`, `${to.count}`] : []),
  ]);

/** One TCP stream for so long: what stream.c prints. */
export const stream = (bed: Bed, ms: number): Promise<Numbers> =>
  numbersOf(bed, [
    programFile("stream"),
    ...[inNamespace(bed, 1), inNamespace(bed, 2), workloadAddress(bed, 2)],
    ...[`${CPU}`, `${ms}`],
  ]);

/** Gbit/s. */
async function measureStream(bed: Bed): Promise<number> {
  const rates: number[] = [];
  for (let i = 0; i < STREAMS; i++) rates.push((await stream(bed, STREAM_MS))("mbps") / 1000);
  return figureOf(rates)?.median ?? 0;
}

/** Microseconds. */
async function measureRoundTrips(bed: Bed): Promise<{ p50: number; p99: number }> {
  const trips = await numbersOf(bed, [
    programFile("echo"),
    ...[inNamespace(bed, 1), inNamespace(bed, 2), workloadAddress(bed, 2)],
    ...[`${CPU}`, `${CPU}`, `${ROUND_TRIPS}`],
  ]);
  if (trips("lost") > ROUND_TRIPS * LOSS_MAX) throw new Error(`${trips("lost")} answers lost`);
  return { p50: trips("p50Ns") / 1000, p99: trips("p99Ns") / 1000 };
}

/** A number of an answer, by name; throws if there is none. */
type Numbers = (name: string) => number;

/** Runs a program of ours that prints one JSON object of numbers. */
async function numbersOf(bed: Bed, argv: readonly string[]): Promise<Numbers> {
  const text = await run(argv, { signal: bed.signal });
  const answer: unknown = JSON.parse(text);
  const values = new Map<string, unknown>(Object.entries(Object(answer)));
  return (name) => {
    const value = values.get(name);
    if (typeof value !== "number") throw new Error(`${argv[0]}: no ${name} in ${text}`);
    return value;
  };
}
