/**
 * Where the time of one small packet goes, per contender: samples of the measuring CPU while the generator runs,
 * by kernel function and BPF program. Needs `perf` (Debian: linux-perf). Leaves out who called whom.
 */
import { join } from "node:path";
import type { Bed } from "./bed.ts";
import type { Contender } from "./contender.ts";
import { between, CPU, rate } from "./measure.ts";
import { run, succeeds } from "./program.ts";

const SAMPLES_PER_SECOND = 4000;
const RATE_MS = 4000;
const RECORD_SECONDS = 3;
/** Symbols below this share of the time are left out. */
const SHARE_MIN = 0.5;
/** So many packets in flight. */
const BURST = 64;

export async function profile(bed: Bed, contender: Contender): Promise<string> {
  if (!(await succeeds(["perf", "--version"])))
    throw new Error("perf is missing (Debian: apt-get install linux-perf)");
  return between(bed, contender, async () => {
    const file = join(bed.directory, "perf.data");
    const [answer] = await Promise.all([rate(bed, RATE_MS, BURST), record(bed, file)]);
    const report = await run([
      ...["perf", "report", "-i", file, "--stdio", "--fields", "overhead,sym"],
      ...["--percent-limit", `${SHARE_MIN}`],
    ]);
    const packetNs = 1e9 / answer("medianPps");
    const lines = [...report.matchAll(/^\s*([\d.]+)%\s+\[.\]\s+(\S+)/gm)].map(
      ([, share = "0", symbol = ""]) => {
        const ns = (Number(share) / 100) * packetNs;
        return `${`${share} %`.padStart(8)}  ${ns.toFixed(0).padStart(5)} ns  ${symbol}`;
      },
    );
    const head = `${contender.name}: ${packetNs.toFixed(0)} ns a packet, sender to receiver`;
    return `${[head, ...lines].join("\n")}\n`;
  });
}

const record = (bed: Bed, file: string): Promise<string> =>
  run(
    [
      ...["perf", "record", "-q", "-a", "-C", `${CPU}`, "-e", "cpu-clock"],
      ...["-F", `${SAMPLES_PER_SECOND}`, "-o", file, "--", "sleep", `${RECORD_SECONDS}`],
    ],
    { signal: bed.signal },
  );
