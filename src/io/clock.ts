/** The only place that reads the platform's clocks. */
import { readFileSync } from "node:fs";

/** Monotonic milliseconds: for deadlines. */
export const monotonicMs = (): number => performance.now();

/** CLOCK_MONOTONIC in nanoseconds: the clock that the datapath reads for freshness. */
export const monotonicNs = (): bigint => process.hrtime.bigint();

/** What `monotonicMs` was or will be as UTC text, the same whenever it is asked. */
export const timestampOfMonotonic = (ms: number): string =>
  new Date(performance.timeOrigin + ms).toISOString();

/** UTC, for people: RFC 3339 with milliseconds. */
export const timestamp = (): string => new Date().toISOString();

/** The kernel tells the time since boot to 10 ms only: asked seldom, so that what happened in order reads in order. */
const BOOT_MS_FOR = 60_000;
let bootMs = 0;
let bootAskedMs: number = Number.NEGATIVE_INFINITY;

/** Nanoseconds since boot as UTC text. */
export function timestampOfBoot(bootNs: number): string {
  if (monotonicMs() - bootAskedMs > BOOT_MS_FOR) {
    bootMs = Date.now() - 1000 * Number(readFileSync("/proc/uptime", "latin1").split(" ")[0]);
    bootAskedMs = monotonicMs();
  }
  return new Date(bootMs + bootNs / 1e6).toISOString();
}

export const sleepMs = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));
