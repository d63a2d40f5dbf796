/** What a subcommand is, for those who write one (cli/, lab/, agent/) and the one who calls it (main/). */

/** Exit codes: public and append-only. */
export const EXIT = {
  ok: 0,
  /** Done, and found: error findings, a mismatch, a difference. */
  found: 1,
  /** Bad usage or unreadable input. */
  usage: 2,
  /** Agent, controller or lab cannot be reached. */
  unreachable: 3,
  /** Not root, or a kernel feature or package is missing. */
  unable: 4,
  /** Our own bug. */
  bug: 70,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Where a command's words go: a line each, without the newline. */
export interface Shell {
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
}

export interface Option {
  /** As commander reads it: "--host <name>", "--json". */
  readonly flags: string;
  readonly summary: string;
}

/** Arguments by name, then options by camel-cased name: strings, true for a bare flag, absent if not given. */
export type Given = Readonly<Record<string, string | true | readonly string[] | undefined>>;

export interface Command {
  /** "check", "show rows". */
  readonly name: string;
  /** As commander reads them: ["<path>", "[host]"]. */
  readonly arguments: readonly string[];
  readonly options: readonly Option[];
  readonly summary: string;
  readonly run: (shell: Shell, given: Given) => Promise<ExitCode>;
}

/** The option or argument `name` as text; undefined if it was not given. */
export function textOf(given: Given, name: string): string | undefined {
  const value = given[name];
  return typeof value === "string" ? value : undefined;
}
