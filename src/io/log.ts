/** The log: one JSON object a line on standard error. Levels: info, warning, error. */
import { timestamp } from "./clock.ts";

export type LogLevel = "info" | "warning" | "error";

export function log(
  level: LogLevel,
  event: string,
  fields: Readonly<Record<string, unknown>> = {},
): void {
  process.stderr.write(`${JSON.stringify({ at: timestamp(), level, event, ...fields })}\n`);
}
