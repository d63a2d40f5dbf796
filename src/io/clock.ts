/** The only place that reads the platform's clocks. */

/** Monotonic milliseconds: for deadlines. */
export const monotonicMs = (): number => performance.now();

/** UTC, for people: RFC 3339 with milliseconds. */
export const timestamp = (): string => new Date().toISOString();

export const sleepMs = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));
