/** `weft lab status`: what there is and where, for people and for foreign tools. */
import { type Command, EXIT, type ExitCode, type Given, type Shell } from "../../base/command.ts";
import { openLab } from "../choose.ts";
import { readLabStatus, renderStatus } from "../status.ts";

export const labStatus: Command = {
  name: "lab status",
  arguments: ["[name]"],
  options: [{ flags: "--json", summary: "As one JSON object." }],
  summary: "Every namespace, interface, address and agent of a lab.",
  run: async (shell: Shell, given: Given): Promise<ExitCode> => {
    const state = openLab(shell, given);
    if (!state.ok) return state.error;
    const status = await readLabStatus(state.value);
    if (given.json === true) shell.out(JSON.stringify(status));
    else for (const line of renderStatus(status)) shell.out(line);
    return EXIT.ok;
  },
};
