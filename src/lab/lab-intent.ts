/** The intent that a lab is built of, and the rows of its managed hosts; nothing if it has an error. */
import { err, ok, type Result } from "../base/result.ts";
import { compileHost, compileIntent } from "../intent/compile.ts";
import type { Finding, Host, Intent } from "../intent/intent.ts";
import { type IntentFileError, readIntentFiles } from "../io/files.ts";
import { emptyIdBook, type Row } from "../rows/rows.ts";

export interface LabIntent {
  readonly intent: Intent;
  /** Warnings. */
  readonly findings: readonly Finding[];
  /** Of each managed host. */
  readonly rowsByHost: ReadonlyMap<string, readonly Row[]>;
}

/** The intent is wrong: nothing is built of it. */
export interface IntentRefused {
  readonly kind: "intent";
  readonly findings: readonly Finding[];
}

export async function readLabIntent(
  directory: string,
): Promise<Result<LabIntent, IntentFileError | IntentRefused>> {
  const files = await readIntentFiles(directory);
  if (!files.ok) return files;
  const { intent, findings, errors } = compileIntent(files.value);
  if (errors > 0) return err({ kind: "intent", findings });
  const managed = [...intent.hosts.values()].filter((host: Host) => host.spec.managed);
  const rowsByHost = new Map(
    managed.map((host: Host) => [host.key, compileHost(intent, host.key, emptyIdBook).rows]),
  );
  return ok({ intent, findings, rowsByHost });
}
