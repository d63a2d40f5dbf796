/**
 * `npm run bench -- NAME [options]`: `datapath` and `routing` print ratios against a peer that is measured in the same
 * run, `scale` how agents do with thousands of networks.
 *
 *     datapath [--rounds N] [--only NAME,NAME] [--mtu OCTETS] [--no-gro] [--json]
 *     routing  the same, and [--part paths,routes,neighbours] [--routes N] [--lengths BITS,BITS] [--endpoints N]
 *     datapath|routing --profile NAME,NAME
 *     scale [--networks N] [--attached N] [--churn-seconds N] [--settle-seconds N] [--json]
 */
import { parseArgs } from "node:util";
import { EXIT } from "../src/base/command.ts";
import { bridgedContenders } from "./bridged.ts";
import type { Asked } from "./comparison.ts";
import type { Contender } from "./contender.ts";
import { benchDatapath } from "./datapath.ts";
import { ROUNDS_MIN } from "./figures.ts";
import { LENGTH_MIN, SLOTS } from "./prefixes.ts";
import { routedContenders } from "./routed.ts";
import { FEW } from "./routes.ts";
import { benchRouting, routingParts } from "./routing.ts";
import { benchScale } from "./scale.ts";

const namesOf = (contenders: readonly Contender[]): string =>
  contenders.map(({ name }) => name).join(", ");

const USAGE = `usage: npm run bench -- datapath [--rounds N] [--only NAME,NAME] [--mtu OCTETS] [--no-gro] [--json]
       npm run bench -- routing [the same] [--part PART,PART] [--routes N] [--lengths BITS,BITS] [--endpoints N]
       npm run bench -- datapath|routing --profile NAME,NAME
       npm run bench -- scale [--networks N] [--attached N] [--churn-seconds N] [--settle-seconds N] [--json]
datapath: ${namesOf(bridgedContenders)} (the bridges always take part)
routing: ${namesOf(routedContenders)} (the routers always take part); parts ${routingParts.join(", ")}`;

/** A bench that is ready to run. */
type Bench = () => Promise<0 | 1>;

/** What is asked for, or what is wrong with it. */
function parse(argv: readonly string[], signal: AbortSignal): Bench | string {
  const [name, ...options] = argv;
  const command = `npm run bench -- ${argv.join(" ")}`;
  try {
    if (name === "datapath") return parseDatapath(options, command, signal);
    if (name === "routing") return parseRouting(options, command, signal);
    if (name === "scale") return parseScale(options, command, signal);
    return "no such bench";
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}

/** Options of every comparison. */
const comparisonOptions = {
  rounds: { type: "string", default: `${ROUNDS_MIN}` },
  only: { type: "string" },
  profile: { type: "string" },
  mtu: { type: "string", default: "1500" },
  "no-gro": { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

interface ComparisonValues {
  readonly rounds: string;
  readonly only?: string | undefined;
  readonly profile?: string | undefined;
  readonly mtu: string;
  readonly "no-gro": boolean;
  readonly json: boolean;
}

interface ComparisonAsked extends Omit<Asked, "command" | "signal"> {
  readonly profile: readonly string[] | null;
  readonly json: boolean;
}

function parseComparison(
  values: ComparisonValues,
  contenders: readonly Contender[],
): ComparisonAsked | string {
  const [rounds, mtu] = [Number(values.rounds), Number(values.mtu)];
  if (!isWithin(rounds, 1, 1000)) return "--rounds is 1 to 1000";
  if (!isWithin(mtu, 576, 65535)) return "--mtu is 576 to 65535";
  const [only = null, profile = null] = [values.only, values.profile].map((names) =>
    names?.split(","),
  );
  for (const name of [...(only ?? []), ...(profile ?? [])])
    if (!contenders.some((contender) => contender.name === name)) return `no contender ${name}`;
  return { rounds, only, profile, mtu, gro: !values["no-gro"], json: values.json };
}

function parseDatapath(
  args: readonly string[],
  command: string,
  signal: AbortSignal,
): Bench | string {
  const { values } = parseArgs({ args: [...args], options: comparisonOptions });
  const asked = parseComparison(values, bridgedContenders);
  if (typeof asked === "string") return asked;
  return () => benchDatapath({ ...asked, command, signal });
}

function parseRouting(
  args: readonly string[],
  command: string,
  signal: AbortSignal,
): Bench | string {
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...comparisonOptions,
      part: { type: "string", default: routingParts.join(",") },
      routes: { type: "string", default: "100000" },
      lengths: { type: "string", default: `${LENGTH_MIN}` },
      endpoints: { type: "string", default: "100000" },
    },
  });
  const asked = parseComparison(values, routedContenders);
  if (typeof asked === "string") return asked;
  const named = values.part.split(",");
  const parts = routingParts.filter((part) => named.includes(part));
  if (parts.length !== named.length) return `--part is of ${routingParts.join(", ")}`;
  const [routes, endpoints] = [Number(values.routes), Number(values.endpoints)];
  if (!isWithin(routes, FEW + 1, SLOTS)) return `--routes is ${FEW + 1} to ${SLOTS}`;
  if (!isWithin(endpoints, 1, 100_000)) return "--endpoints is 1 to 100000";
  const lengths = values.lengths.split(",").map(Number);
  if (!lengths.every((bits) => isWithin(bits, LENGTH_MIN, 31)))
    return `--lengths are ${LENGTH_MIN} to 31`;
  return () => benchRouting({ ...asked, parts, routes, lengths, endpoints, command, signal });
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
