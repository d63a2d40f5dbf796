import {
  type Command,
  EXIT,
  type ExitCode,
  type Given,
  type Shell,
  textOf,
} from "../base/command.ts";
import { compileHost } from "../intent/compile.ts";
import { renderRow } from "../rows/render.ts";
import { emptyIdBook } from "../rows/rows.ts";
import { exitOf, printFindings, readIntent } from "./intent-input.ts";

/**
 * `weft show rows`: what one host is told, as an agent without earlier ids would compile it. A running host's ids may
 * differ, for they stay as they were given.
 */
export const showRows: Command = {
  name: "show rows",
  summary: "Print the rows that an intent compiles to on one host (NDJSON).",
  arguments: ["<path>"],
  options: [
    { flags: "--host <name>", summary: "the host" },
    { flags: "--json", summary: "the default: a JSON object a row" },
  ],
  async run(shell: Shell, given: Given): Promise<ExitCode> {
    const host = textOf(given, "host");
    if (host === undefined) {
      shell.err("which host? --host NAME");
      return EXIT.usage;
    }
    const input = await readIntent(shell, textOf(given, "path") ?? "");
    if (!input) return EXIT.usage;
    printFindings(shell.err, input.findings);
    const { hosts, broken } = input.intent;
    if (!hosts.has(host) && !broken.has(`Host ${host}`)) {
      shell.err(`no host ${host} in the intent: it has ${[...hosts.keys()].join(", ") || "none"}`);
      return EXIT.usage;
    }
    for (const row of compileHost(input.intent, host, emptyIdBook).rows) shell.out(renderRow(row));
    return exitOf(input, false);
  },
};
