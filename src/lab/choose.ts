/** Which lab a command is about, and what to say when there is none to act on. */
import { EXIT, type ExitCode, type Given, type Shell, textOf } from "../base/command.ts";
import { err, ok, type Result } from "../base/result.ts";
import { isLabName } from "./paths.ts";
import { type LabState, listLabs, readState } from "./state.ts";

/** The lab named on the command line, else the only one there is; an exit code after saying why not. */
export function chooseLab(shell: Shell, given: Given): Result<string, ExitCode> {
  const named = textOf(given, "name");
  const labs = listLabs();
  if (named !== undefined) {
    if (labs.includes(named)) return ok(named);
    const others = labs.length > 0 ? ` (there is: ${labs.join(", ")})` : "";
    shell.err(isLabName(named) ? `no lab ${named}${others}` : `${named} is no name of a lab`);
    return err(isLabName(named) ? EXIT.unreachable : EXIT.usage);
  }
  const [only, ...others] = labs;
  if (only !== undefined && others.length === 0) return ok(only);
  shell.err(
    only === undefined
      ? "no lab is up; build one: weft lab up DIR"
      : `several labs are up, name one: ${labs.join(", ")}`,
  );
  return err(only === undefined ? EXIT.unreachable : EXIT.usage);
}

/** The state of the lab that was chosen. */
export function openLab(shell: Shell, given: Given): Result<LabState, ExitCode> {
  const name = chooseLab(shell, given);
  if (!name.ok) return name;
  const state = readState(name.value);
  if (state.ok) return state;
  shell.err(`lab ${name.value}: ${state.error.detail}; remove it: weft lab down ${name.value}`);
  return err(EXIT.unreachable);
}

/** Namespaces, mounts and raw sockets are root's. */
export function refuseUnlessRoot(shell: Shell, what: string): ExitCode | null {
  if (process.getuid?.() === 0) return null;
  shell.err(`not root: ${what} makes network namespaces and mounts; run it with sudo`);
  return EXIT.unable;
}
