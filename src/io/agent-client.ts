/** Talking to an agent: which socket, and HTTP over it. */
import { existsSync, globSync } from "node:fs";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
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
  const parts: Buffer[] = [];
  for await (const part of response.value) parts.push(part);
  const text = Buffer.concat(parts).toString("utf8");
  if (response.value.statusCode !== 200) return err({ kind: "refused", detail: text.trim() });
  return ok(JSON.parse(text));
}

/** NDJSON until the other side ends it or `onLine` answers false. */
export async function follow(
  socketPath: string,
  path: string,
  onLine: (line: string) => boolean,
): Promise<Result<null, ClientError>> {
  const response = await open(socketPath, "GET", path, null);
  if (!response.ok) return response;
  for await (const line of createInterface({ input: response.value }))
    if (!onLine(line)) {
      response.value.destroy();
      break;
    }
  return ok(null);
}
