/** `weft trace` as the operator has it: what it asks of a lab, the lab does. */
import type { Command } from "../base/command.ts";
import { traceWith } from "../cli/trace.ts";

export const trace: Command = traceWith(async (question, mac) => {
  const { sendMarked } = await import("../lab/live-trace.ts");
  return sendMarked(question, mac);
});
