/** What went wrong, for people, and the exit code that says it to programs. */
import { EXIT, type ExitCode, type Shell } from "../base/command.ts";
import { unreachable } from "../base/result.ts";
import { renderFinding } from "../intent/report.ts";
import type { IntentFileError } from "../io/files.ts";
import type { SystemError } from "../kernel/libc.ts";
import type { AgentError } from "./agent-socket.ts";
import type { AgentFailure } from "./agents.ts";
import type { LabFileError } from "./lab-file.ts";
import type { IntentRefused } from "./lab-intent.ts";
import type { LayoutError } from "./layout.ts";
import type { UnknownPort } from "./matrix-run.ts";
import type { StateError } from "./state.ts";
import type { ToolError } from "./tool.ts";

export type LabError =
  | AgentError
  | AgentFailure
  | IntentFileError
  | IntentRefused
  | LabFileError
  | LayoutError
  | StateError
  | SystemError
  | ToolError
  | UnknownPort;

export function complain(shell: Shell, error: LabError): ExitCode {
  switch (error.kind) {
    case "intent":
      for (const finding of error.findings) shell.err(renderFinding(finding));
      return EXIT.found;
    case "layout":
      for (const detail of error.details) shell.err(detail);
      return EXIT.found;
    case "agents":
      for (const { host, why, log } of error.details) shell.err(`agent of ${host} ${why}:\n${log}`);
      return EXIT.unreachable;
    case "agent":
      shell.err(`agent at ${error.socket}: ${error.detail}`);
      return EXIT.unreachable;
    case "system":
      shell.err(`${error.call}: ${error.name}: ${error.detail}`);
      // A namespace or an interface of the lab is gone.
      return ["ENOENT", "ENODEV"].includes(error.name) ? EXIT.unreachable : EXIT.unable;
    case "tool":
      shell.err(`${error.tool}: ${error.detail}`);
      return EXIT.unable;
    case "exists":
      shell.err(`lab ${error.name} is there already; remove it first: weft lab down ${error.name}`);
      return EXIT.usage;
    case "missing":
    case "unreadable":
      shell.err(`lab ${error.name}: ${error.detail}`);
      return EXIT.unreachable;
    case "lab-file":
      shell.err(`${error.file}: ${error.detail}`);
      return EXIT.usage;
    case "unknown-port":
      shell.err(`there is no port ${error.port} (tenant/name) in the lab`);
      return EXIT.usage;
    case "not-readable":
    case "not-utf8":
    case "no-documents":
    case "not-writable":
      shell.err(`${error.path}: ${error.kind}: ${error.detail}`);
      return EXIT.usage;
    default:
      return unreachable(error);
  }
}
