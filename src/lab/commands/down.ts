/** `weft lab down`: removes a lab, also one half built. That there is none to remove is no error. */
import {
  type Command,
  EXIT,
  type ExitCode,
  type Given,
  type Shell,
  textOf,
} from "../../base/command.ts";
import { chooseLab, refuseUnlessRoot } from "../choose.ts";
import { complain } from "../complaint.ts";
import { isLabName } from "../paths.ts";
import { listLabs } from "../state.ts";
import { applyTeardown } from "../teardown.ts";

export const labDown: Command = {
  name: "lab down",
  arguments: ["[name]"],
  options: [],
  summary: "Remove a lab: its processes, namespaces, pins and files.",
  run: async (shell: Shell, given: Given): Promise<ExitCode> => {
    const refused = refuseUnlessRoot(shell, "weft lab down");
    if (refused !== null) return refused;
    const named = textOf(given, "name");
    if (named === undefined && listLabs().length === 0) {
      shell.out("no lab is up");
      return EXIT.ok;
    }
    // A named lab is removed even if its files are gone: its namespaces may still be there.
    const chosen = named !== undefined && isLabName(named) ? named : chooseLab(shell, given);
    if (typeof chosen !== "string" && !chosen.ok) return chosen.error;
    const name = typeof chosen === "string" ? chosen : chosen.value;
    const removed = await applyTeardown(name);
    if (!removed.ok) return complain(shell, removed.error);
    const { processes, namespaces, mounts } = removed.value;
    shell.out(
      `lab ${name}: removed ${namespaces} namespaces, ${processes} processes, ${mounts} mounts`,
    );
    return EXIT.ok;
  },
};
