/**
 * `npm run bench -- NAME [options]`: each bench prints ratios against a peer that is measured in the same run.
 *
 *     datapath [--rounds N] [--only NAME,NAME] [--mtu OCTETS] [--no-gro] [--json]
 *     datapath --profile NAME,NAME
 */
import { parseArgs } from "node:util";
import { EXIT } from "../src/base/command.ts";
import { contenders } from "./contender.ts";
import { type Asked, benchDatapath } from "./datapath.ts";
import { ROUNDS_MIN } from "./figures.ts";

const USAGE = `usage: npm run bench -- datapath [--rounds N] [--only NAME,NAME] [--mtu OCTETS] [--no-gro] [--json]
       npm run bench -- datapath --profile NAME,NAME
contenders: ${contenders.map(({ name }) => name).join(", ")} (the bridges always take part)`;

/** What is asked for, or what is wrong with it. */
function parse(argv: readonly string[], signal: AbortSignal): Asked | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        rounds: { type: "string", default: `${ROUNDS_MIN}` },
        only: { type: "string" },
        profile: { type: "string" },
        mtu: { type: "string", default: "1500" },
        "no-gro": { type: "boolean", default: false },
        json: { type: "boolean", default: false },
      },
    });
    if (positionals.length !== 1 || positionals[0] !== "datapath") return "no such bench";
    const [rounds, mtu] = [Number(values.rounds), Number(values.mtu)];
    if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1000) return "--rounds is 1 to 1000";
    if (!Number.isInteger(mtu) || mtu < 576 || mtu > 65535) return "--mtu is 576 to 65535";
    const [only, profile] = [values.only, values.profile].map((names) => names?.split(",") ?? null);
    for (const name of [...(only ?? []), ...(profile ?? [])])
      if (!contenders.some((contender) => contender.name === name)) return `no contender ${name}`;
    const command = `npm run bench -- ${argv.join(" ")}`;
    return {
      rounds,
      json: values.json,
      only: only ?? null,
      profile: profile ?? null,
      mtu,
      gro: !values["no-gro"],
      command,
      signal,
    };
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}

async function main(argv: readonly string[]): Promise<number> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
  const asked = parse(argv, stop.signal);
  if (typeof asked === "string") {
    process.stderr.write(`bench: ${asked}\n${USAGE}\n`);
    return EXIT.usage;
  }
  if (process.getuid?.() !== 0) {
    process.stderr.write("bench: makes network namespaces: run it as root\n");
    return EXIT.unable;
  }
  try {
    return await benchDatapath(asked);
  } catch (thrown) {
    process.stderr.write(`bench: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
    return EXIT.found;
  }
}

process.exitCode = await main(process.argv.slice(2));
