import {
  type Command,
  EXIT,
  type ExitCode,
  type Given,
  type Shell,
  textOf,
} from "../base/command.ts";
import { countsText, exitOf, printFindings, readIntent } from "./intent-input.ts";

/** `weft check`: everything that is wrong with an intent, at once. */
export const check: Command = {
  name: "check",
  summary: "Find what is wrong with an intent: each finding with its place and its fix.",
  arguments: ["<path>"],
  options: [
    { flags: "--json", summary: "one JSON object instead of lines" },
    { flags: "--strict", summary: "exit 1 on warnings too" },
  ],
  async run(shell: Shell, given: Given): Promise<ExitCode> {
    const input = await readIntent(shell, textOf(given, "path") ?? "");
    if (!input) return EXIT.usage;
    const { findings, errors, warnings } = input;
    if (given.json === true) shell.out(JSON.stringify({ findings, errors, warnings }));
    else {
      printFindings(shell.out, findings);
      shell.out(countsText(input));
    }
    return exitOf(input, given.strict === true);
  },
};
