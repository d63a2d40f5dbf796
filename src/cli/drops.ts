/** `weft drops`: dropped frames as they happen, a JSON object a line. */
import { z } from "zod";
import {
  type Command,
  EXIT,
  type ExitCode,
  type Given,
  type Shell,
  textOf,
} from "../base/command.ts";
import { follow } from "../io/agent-client.ts";
import { AGENT_OPTIONS, complain, misunderstood, socketOf } from "./agent-options.ts";

const Drop = z.union([
  z.object({ lost: z.number() }),
  z.looseObject({
    at: z.string(),
    verdict: z.string(),
    port: z.string().nullable(),
    network: z.string().nullable(),
    tenant: z.string().nullable(),
    sourceVtep: z.string().nullable(),
    vni: z.number().nullable(),
  }),
]);

const DropLine = z
  .string()
  .transform((line, context) => {
    try {
      return JSON.parse(line);
    } catch {
      context.addIssue("not JSON");
      return z.NEVER;
    }
  })
  .pipe(Drop);

export const drops: Command = {
  name: "drops",
  arguments: [],
  options: [
    ...AGENT_OPTIONS,
    { flags: "--follow", summary: "go on until interrupted (the only way there is)" },
    { flags: "--count <n>", summary: "end after so many lines" },
  ],
  summary: "Follow dropped frames: verdict, port or peer, headers. NDJSON with --json.",
  async run(shell: Shell, given: Given): Promise<ExitCode> {
    const count = Number(textOf(given, "count") ?? Number.POSITIVE_INFINITY);
    if (!(count > 0)) {
      shell.err("weft drops: --count is a number above 0");
      return EXIT.usage;
    }
    const found = socketOf(shell, given);
    if (!found.ok) return found.error;
    const socket = found.value;
    let left = count;
    let strange = false;
    const done = await follow(socket, "/drops", (line) => {
      const words = given.json === true ? line : describe(line);
      strange = words === null;
      if (words !== null) shell.out(words);
      return words !== null && --left > 0;
    });
    if (strange) return misunderstood(shell, socket);
    return done.ok ? EXIT.ok : complain(shell, done.error);
  },
};

function describe(line: string): string | null {
  const parsed = DropLine.safeParse(line);
  if (!parsed.success) return null;
  const drop = parsed.data;
  if ("lost" in drop) return `${drop.lost} more were counted but not told`;
  const where = drop.port ?? drop.network ?? (drop.vni === null ? "" : `vni ${drop.vni}`);
  const from = drop.sourceVtep === null ? "" : ` from ${drop.sourceVtep}`;
  return `${drop.at} ${drop.verdict} ${where}${from}`;
}
