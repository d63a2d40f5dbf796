/** The lab's side of an agent's sockets: HTTP over a unix socket, one answer or a stream of lines. */
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { createInterface } from "node:readline";
import { z } from "zod";
import { err, ok, type Result } from "../base/result.ts";

export interface AgentError {
  readonly kind: "agent";
  readonly socket: string;
  readonly detail: string;
}

/** What the lab reads of an agent's /status. */
export interface AgentStatus {
  readonly ready: boolean;
  readonly pid: number;
}

const statusSchema: z.ZodType<AgentStatus> = z.object({ ready: z.boolean(), pid: z.int() });
const ANSWER_MS = 2000;

export function readAgentStatus(socket: string): Promise<Result<AgentStatus, AgentError>> {
  return new Promise((resolve) => {
    const failed = (detail: string): void => resolve(err({ kind: "agent", socket, detail }));
    const asked = request({ socketPath: socket, path: "/status", timeout: ANSWER_MS });
    asked.on("timeout", () => asked.destroy(new Error(`no answer within ${ANSWER_MS} ms`)));
    asked.on("error", (e: Error) => failed(e.message));
    asked.on("response", (response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", (e: Error) => failed(e.message));
      response.on("end", () => {
        const parsed = statusSchema.safeParse(parseJson(Buffer.concat(chunks).toString()));
        if (parsed.success) resolve(ok(parsed.data));
        else failed(`/status: ${z.prettifyError(parsed.error)}`);
      });
    });
    asked.end();
  });
}

/** A frame of a traced port, with what became of it. */
export interface TraceEvent {
  readonly hook: string;
  readonly verdict: string;
  readonly port: string | null;
  readonly headersHex: string;
}

const eventSchema: z.ZodType<TraceEvent> = z.object({
  hook: z.string(),
  verdict: z.string(),
  port: z.string().nullable(),
  headersHex: z.string(),
});
const tracingSchema: z.ZodType<{ readonly tracing: readonly string[] }> = z.object({
  tracing: z.array(z.string()),
});

export interface Trace {
  /** Ends the stream, and with it the tracing. */
  readonly close: () => void;
}

/** Traces `ports` ("tenant/name"); resolves when the agent says that the trace is in force. */
export function openTrace(
  socket: string,
  ports: readonly string[],
  seconds: number,
  onEvent: (event: TraceEvent) => void,
): Promise<Result<Trace, AgentError>> {
  return new Promise((resolve) => {
    const failed = (detail: string): void => resolve(err({ kind: "agent", socket, detail }));
    const asked: ClientRequest = request({
      socketPath: socket,
      path: "/trace",
      method: "POST",
      headers: { "content-type": "application/json" },
    });
    asked.on("error", (e: Error) => failed(e.message));
    asked.on("response", (response: IncomingMessage) => {
      const lines = createInterface({ input: response });
      // Both report an end, also the one that we bring about ourselves.
      for (const stream of [response, lines]) stream.on("error", (e: Error) => failed(e.message));
      lines.on("close", () => failed(`/trace ended with status ${response.statusCode}`));
      lines.on("line", (line: string) => {
        const value = parseJson(line);
        const event = eventSchema.safeParse(value);
        if (event.success) onEvent(event.data);
        else if (tracingSchema.safeParse(value).success)
          resolve(ok({ close: (): void => void asked.destroy() }));
      });
    });
    asked.end(JSON.stringify({ ports, seconds }));
  });
}

/** Undefined where `text` is no JSON: the schema refuses it and says so. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
