/** `weft lab list`: the labs on this machine, a line each. */
import { type Command, EXIT, type ExitCode, type Given, type Shell } from "../../base/command.ts";
import { listLabs, readState } from "../state.ts";

interface ListedLab {
  readonly name: string;
  readonly directory: string | null;
  /** "broken": it cannot be read, and can be removed. */
  readonly phase: "building" | "up" | "broken";
  readonly startedAt: string | null;
}

export const labList: Command = {
  name: "lab list",
  arguments: [],
  options: [{ flags: "--json", summary: "As a JSON list." }],
  summary: "The labs on this machine.",
  run: async (shell: Shell, given: Given): Promise<ExitCode> => {
    const labs = listLabs().map(listed);
    if (given.json === true) shell.out(JSON.stringify(labs));
    else
      for (const { name, directory, phase, startedAt } of labs)
        shell.out(`${name.padEnd(20)} ${phase.padEnd(8)} ${startedAt ?? ""} ${directory ?? ""}`);
    return EXIT.ok;
  },
};

function listed(name: string): ListedLab {
  const state = readState(name);
  if (!state.ok) return { name, directory: null, phase: "broken", startedAt: null };
  const { directory, phase, startedAt } = state.value;
  return { name, directory, phase, startedAt };
}
