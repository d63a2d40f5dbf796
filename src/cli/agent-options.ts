/** What the commands that talk to an agent have in common. */
import {
  EXIT,
  type ExitCode,
  type Given,
  type Option,
  type Shell,
  textOf,
} from "../base/command.ts";
import { err, type Result } from "../base/result.ts";
import { type ClientError, findSocket } from "../io/agent-client.ts";

export const AGENT_OPTIONS: readonly Option[] = [
  { flags: "--socket <path>", summary: "the agent's read.sock (default /run/weft/read.sock)" },
  { flags: "--host <name>", summary: "a host of a lab on this machine" },
  { flags: "--lab <name>", summary: "which lab, if several have that host" },
  { flags: "--json", summary: "answer in JSON" },
];

/** The socket meant, or an exit code after saying why there is none. */
export function socketOf(shell: Shell, given: Given): Result<string, ExitCode> {
  const where = {
    socket: textOf(given, "socket"),
    host: textOf(given, "host"),
    lab: textOf(given, "lab"),
  };
  const found = findSocket(where, "read.sock");
  if (found.ok) return found;
  shell.err(`weft: ${found.error.detail}`);
  return err(found.error.kind === "ambiguous-host" ? EXIT.usage : EXIT.unreachable);
}

export function complain(shell: Shell, error: ClientError): ExitCode {
  shell.err(`weft: ${error.detail}`);
  return EXIT.unreachable;
}

/** The agent answers, but not what this program understands. */
export function misunderstood(shell: Shell, socket: string): ExitCode {
  shell.err(`weft: ${socket}: the answer is not that of an agent of this version`);
  return EXIT.unreachable;
}
