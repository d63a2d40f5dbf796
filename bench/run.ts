/**
 * `npm run bench -- NAME [options]`: `datapath` prints ratios against a peer that is measured in the same run, `scale`
 * how agents do with thousands of networks.
 *
 *     datapath [--rounds N] [--only NAME,NAME] [--mtu OCTETS] [--no-gro] [--json]
 *     datapath --profile NAME,NAME
 *     scale [--networks N] [--attached N] [--churn-seconds N] [--settle-seconds N] [--json]
 */
import { parseArgs } from "node:util";
import { EXIT } from "../src/base/command.ts";
import { contenders } from "./contender.ts";
import { benchDatapath } from "./datapath.ts";
import { ROUNDS_MIN } from "./figures.ts";
import { benchScale } from "./scale.ts";

const USAGE = `usage: npm run bench -- datapath [--rounds N] [--only NAME,NAME] [--mtu OCTETS] [--no-gro] [--json]
       npm run bench -- datapath --profile NAME,NAME
       npm run bench -- scale [--networks N] [--attached N] [--churn-seconds N] [--settle-seconds N] [--json]
contenders: ${contenders.map(({ name }) => name).join(", ")} (the bridges always take part)`;

/** A bench that is ready to run. */
type Bench = () => Promise<0 | 1>;

/** What is asked for, or what is wrong with it. */
function parse(argv: readonly string[], signal: AbortSignal): Bench | string {
  const [name, ...options] = argv;
  const command = `npm run bench -- ${argv.join(" ")}`;
  try {
    if (name === "datapath") return parseDatapath(options, command, signal);
    if (name === "scale") return parseScale(options, command, signal);
    return "no such bench";
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}

function parseDatapath(
  args: readonly string[],
  command: string,
  signal: AbortSignal,
): Bench | string {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: `${ROUNDS_MIN}` },
      only: { type: "string" },
      profile: { type: "string" },
      mtu: { type: "string", default: "1500" },
      "no-gro": { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const [rounds, mtu] = [Number(values.rounds), Number(values.mtu)];
  if (!isWithin(rounds, 1, 1000)) return "--rounds is 1 to 1000";
  if (!isWithin(mtu, 576, 65535)) return "--mtu is 576 to 65535";
  const [only, profile] = [values.only, values.profile].map((names) => names?.split(",") ?? null);
  for (const name of [...(only ?? []), ...(profile ?? [])])
    if (!contenders.some((contender) => contender.name === name)) return `no contender ${name}`;
  return () =>
    benchDatapath({
      rounds,
      json: values.json,
      only: only ?? null,
      profile: profile ?? null,
      mtu,
      gro: !values["no-gro"],
      command,
      signal,
    });
}

function parseScale(args: readonly string[], command: string, signal: AbortSignal): Bench | string {
  const { values } = parseArgs({
    args: [...args],
    options: {
      networks: { type: "string", default: "5000" },
      attached: { type: "string", default: "50" },
      "churn-seconds": { type: "string", default: "120" },
      "settle-seconds": { type: "string", default: "40" },
      json: { type: "boolean", default: false },
    },
  });
  const [networks, attached] = [Number(values.networks), Number(values.attached)];
  const churnSeconds = Number(values["churn-seconds"]);
  const settleSeconds = Number(values["settle-seconds"]);
  if (!isWithin(networks, 10, 16_000)) return "--networks is 10 to 16000";
  if (!isWithin(attached, 1, networks)) return "--attached is 1 to the number of networks";
  if (!isWithin(churnSeconds, 1, 3600)) return "--churn-seconds is 1 to 3600";
  if (!isWithin(settleSeconds, 0, 3600)) return "--settle-seconds is 0 to 3600";
  const { json } = values;
  const asked = { networks, attached, churnSeconds, settleSeconds, json, command, signal };
  return () => benchScale(asked);
}

const isWithin = (value: number, least: number, most: number): boolean =>
  Number.isInteger(value) && value >= least && value <= most;

async function main(argv: readonly string[]): Promise<number> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
  const bench = parse(argv, stop.signal);
  if (typeof bench === "string") {
    process.stderr.write(`bench: ${bench}\n${USAGE}\n`);
    return EXIT.usage;
  }
  if (process.getuid?.() !== 0) {
    process.stderr.write("bench: makes network namespaces: run it as root\n");
    return EXIT.unable;
  }
  try {
    return await bench();
  } catch (thrown) {
    process.stderr.write(`bench: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
    return EXIT.found;
  }
}

process.exitCode = await main(process.argv.slice(2));
