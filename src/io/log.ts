/**
 * The log: one JSON object a line on standard error. Levels: info, warning, error. Whoever reads it may go away
 * without taking us along: what cannot be written is counted, and told when writing works again.
 */
import { timestamp } from "./clock.ts";

export type LogLevel = "info" | "warning" | "error";

let heard = false;
let unwritten = 0;

export function log(
  level: LogLevel,
  event: string,
  fields: Readonly<Record<string, unknown>> = {},
): void {
  if (!heard) {
    heard = true;
    process.stderr.on("error", () => {
      unwritten++;
    });
  }
  const told = unwritten > 0 ? { ...fields, unwritten } : fields;
  unwritten = 0;
  process.stderr.write(`${JSON.stringify({ at: timestamp(), level, event, ...told })}\n`);
}
