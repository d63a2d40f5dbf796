/** Talking to an agent: which socket, and HTTP over it. */
import { existsSync, globSync } from "node:fs";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { err, ok, type Result } from "../base/result.ts";

export interface ClientError {
  readonly kind: "no-such-host" | "ambiguous-host" | "unreachable" | "refused";
  readonly detail: string;
}

export interface Where {
  readonly socket: string | undefined;
  /** A host of a lab on this machine. */
  readonly host: string | undefined;
  readonly lab: string | undefined;
}

const LABS = "/run/weft/lab";

/** The socket `name` ("read.sock") of the agent meant; without any hint this machine's own. */
export function findSocket(where: Where, name: string): Result<string, ClientError> {
  if (where.socket !== undefined) return ok(where.socket);
  if (where.host === undefined) return ok(join("/run/weft", name));
  const found = globSync(`${LABS}/${where.lab ?? "*"}/hosts/${where.host}`).sort();
  const [first] = found;
  if (first === undefined)
    return err({
      kind: "no-such-host",
      detail: `no lab on this machine has a host ${where.host} (weft lab list)`,
    });
  if (found.length > 1)
    return err({
      kind: "ambiguous-host",
      detail: `several labs have a host ${where.host}: name one with --lab`,
    });
  return ok(join(first, name));
}

function open(
  socketPath: string,
  method: "GET" | "POST",
  path: string,
  body: string | null,
): Promise<Result<IncomingMessage, ClientError>> {
  if (!existsSync(socketPath))
    return Promise.resolve(
      err({ kind: "unreachable", detail: `${socketPath} is not there: no agent runs here` }),
    );
  return new Promise((resolve) => {
    const sent: ClientRequest = request({ socketPath, method, path }, (response) =>
      resolve(ok(response)),
    );
    sent.once("error", (error) =>
      resolve(err({ kind: "unreachable", detail: `${socketPath}: ${error.message}` })),
    );
    sent.end(body ?? undefined);
  });
}

/** One JSON answer. */
export async function ask(socketPath: string, path: string): Promise<Result<unknown, ClientError>> {
  const response = await open(socketPath, "GET", path, null);
  if (!response.ok) return response;
  try {
    const text = await textOf(response.value);
    if (response.value.statusCode !== 200) return err({ kind: "refused", detail: text.trim() });
    return ok(JSON.parse(text));
  } catch (thrown) {
    return err(interrupted(socketPath, thrown));
  }
}

/** NDJSON until `onLine` answers false; that the other side ends it is an error. */
export async function follow(
  socketPath: string,
  path: string,
  onLine: (line: string) => boolean,
): Promise<Result<null, ClientError>> {
  const opened = await open(socketPath, "GET", path, null);
  if (!opened.ok) return opened;
  const response = opened.value;
  let rest = "";
  try {
    if (response.statusCode !== 200)
      return err({ kind: "refused", detail: (await textOf(response)).trim() });
    response.setEncoding("utf8");
    for await (const part of response) {
      const lines = `${rest}${part}`.split("\n");
      rest = lines.pop() ?? "";
      // Leaving the loop lets go of the connection.
      for (const line of lines) if (!onLine(line)) return ok(null);
    }
  } catch (thrown) {
    return err(interrupted(socketPath, thrown));
  }
  return err({ kind: "unreachable", detail: `${socketPath}: the agent has ended` });
}

async function textOf(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part);
  return Buffer.concat(parts).toString("utf8");
}

function interrupted(socketPath: string, thrown: unknown): ClientError {
  const detail = thrown instanceof Error ? thrown.message : String(thrown);
  return { kind: "unreachable", detail: `${socketPath}: the answer broke off: ${detail}` };
}
