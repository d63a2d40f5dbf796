/** What the commands about an intent share: reading it, and printing what is wrong with it. */
import { EXIT, type ExitCode, type Shell } from "../base/command.ts";
import { compileIntent } from "../intent/compile.ts";
import type { Finding, Intent } from "../intent/intent.ts";
import { countErrors, renderFinding } from "../intent/report.ts";
import { readIntentFiles } from "../io/files.ts";

export interface Input {
  readonly intent: Intent;
  readonly findings: readonly Finding[];
  readonly errors: number;
  readonly warnings: number;
}

/** The intent at `path`; null after saying why it cannot be read. */
export async function readIntent(shell: Shell, path: string): Promise<Input | null> {
  const files = await readIntentFiles(path);
  if (!files.ok) {
    shell.err(`${files.error.path}: ${files.error.kind}: ${files.error.detail}`);
    return null;
  }
  const { intent, findings, errors } = compileIntent(files.value);
  return { intent, findings, errors, warnings: findings.length - countErrors(findings) };
}

export function printFindings(print: (line: string) => void, findings: readonly Finding[]): void {
  for (const finding of findings) print(renderFinding(finding));
}

/** "2 errors, 1 warning". */
export function countsText(input: Input): string {
  const count = (n: number, word: string): string => `${n} ${word}${n === 1 ? "" : "s"}`;
  return `${count(input.errors, "error")}, ${count(input.warnings, "warning")}`;
}

/** Errors are findings; warnings only where the operator said so. */
export function exitOf(input: Input, strict: boolean): ExitCode {
  return input.errors > 0 || (strict && input.warnings > 0) ? EXIT.found : EXIT.ok;
}
