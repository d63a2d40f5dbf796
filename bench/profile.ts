/**
 * Where the time goes, per contender: samples of the measuring CPU, by kernel function and BPF program, while small
 * packets and while a TCP stream cross. Needs `perf` (Debian: linux-perf). Leaves out who called whom.
 */
import { join } from "node:path";
import { type Bed, setUplinkOffload } from "./bed.ts";
import type { Contender } from "./contender.ts";
import { between, CPU, rate, stream } from "./measure.ts";
import { run, succeeds } from "./program.ts";

const SAMPLES_PER_SECOND = 4000;
const LOAD_MS = 4000;
const RECORD_SECONDS = 3;
/** Symbols below this share of the time are left out. */
const SHARE_MIN = 1;
/** So many packets in flight. */
const BURST = 64;
const CHUNK_OCTETS = 65536;

interface Load {
  readonly name: string;
  /** What its cost is counted for. */
  readonly unit: string;
  /** Runs it for LOAD_MS; nanoseconds a unit. */
  readonly run: (bed: Bed) => Promise<number>;
}

const chunkNs = async (bed: Bed): Promise<number> =>
  (CHUNK_OCTETS * 8 * 1000) / (await stream(bed, LOAD_MS))("mbps");

const loads: readonly Load[] = [
  {
    name: "small packets",
    unit: "packet",
    run: async (bed) => 1e9 / (await rate(bed, LOAD_MS, BURST, null))("medianPps"),
  },
  { name: "TCP", unit: "64 KiB", run: chunkNs },
  {
    name: "TCP, uplink offload off",
    unit: "64 KiB",
    run: async (bed) => {
      await setUplinkOffload(bed, false);
      return chunkNs(bed);
    },
  },
];

export async function profile(bed: Bed, contender: Contender): Promise<string> {
  if (!(await succeeds(["perf", "--version"])))
    throw new Error("perf is missing (Debian: apt-get install linux-perf)");
  return between(bed, contender, async () => {
    const parts: string[] = [];
    for (const load of loads) parts.push(await profileLoad(bed, contender, load));
    return parts.join("\n");
  });
}

async function profileLoad(bed: Bed, contender: Contender, load: Load): Promise<string> {
  const file = join(bed.directory, "perf.data");
  const [unitNs] = await Promise.all([load.run(bed), record(bed, file)]);
  const report = await run([
    ...["perf", "report", "-i", file, "--stdio", "--fields", "overhead,sym"],
    ...["--percent-limit", `${SHARE_MIN}`],
  ]);
  const lines = [...report.matchAll(/^\s*([\d.]+)%\s+\[.\]\s+(\S+)/gm)].map(
    ([, share = "0", symbol = ""]) => {
      const ns = (Number(share) / 100) * unitNs;
      return `${`${share} %`.padStart(8)}  ${ns.toFixed(0).padStart(6)} ns  ${symbol}`;
    },
  );
  const head = `${contender.name}, ${load.name}: ${unitNs.toFixed(0)} ns a ${load.unit}, sender to receiver`;
  return `${[head, ...lines].join("\n")}\n`;
}

const record = (bed: Bed, file: string): Promise<string> =>
  run(
    [
      ...["perf", "record", "-q", "-a", "-C", `${CPU}`, "-e", "cpu-clock"],
      ...["-F", `${SAMPLES_PER_SECOND}`, "-o", file, "--", "sleep", `${RECORD_SECONDS}`],
    ],
    { signal: bed.signal },
  );
