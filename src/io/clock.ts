/** The only place that reads the platform's clocks. */
import { readFileSync } from "node:fs";

/** Monotonic milliseconds: for deadlines. */
export const monotonicMs = (): number => performance.now();

/** CLOCK_MONOTONIC in nanoseconds: the clock that the datapath reads for freshness. */
export const monotonicNs = (): bigint => process.hrtime.bigint();

/** UTC, for people: RFC 3339 with milliseconds. */
export const timestamp = (): string => new Date().toISOString();

/** Nanoseconds since boot as UTC text. The kernel tells the offset to 10 ms. */
export function timestampOfBoot(bootNs: number): string {
  const upMs = 1000 * Number(readFileSync("/proc/uptime", "latin1").split(" ")[0]);
  return new Date(Date.now() - upMs + bootNs / 1e6).toISOString();
}

export const sleepMs = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));
