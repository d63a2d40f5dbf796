/**
 * The agent's sockets: HTTP over unix sockets. `read.sock` (0660, group weft) answers and never shows payload
 * beyond the headers of dropped frames; `admin.sock` (0600) also acts. Requests on it are logged with the peer's uid.
 */
import { chmodSync, chownSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import type { EventStreams } from "./streams.ts";

export interface Answers {
  readonly status: () => object;
  readonly counters: () => object;
  readonly streams: EventStreams;
  /** Port ids of `tenant/name`s; a name that is not on this host is answered as it is. */
  readonly portIds: (names: readonly string[]) => readonly number[] | { readonly unknown: string };
}

export interface Sockets {
  readonly close: () => void;
}

const TRACE_SECONDS_MAX = 600;
const BODY_OCTETS_MAX = 1 << 20;

export async function serve(directory: string, answers: Answers): Promise<Sockets> {
  const read = await listen(join(directory, "read.sock"), 0o660, (request, response) =>
    answer(request, response, answers, false),
  );
  const group = groupId("weft");
  if (group !== null) chownSync(join(directory, "read.sock"), 0, group);
  const admin = await listen(join(directory, "admin.sock"), 0o600, (request, response) =>
    answer(request, response, answers, true),
  );
  return {
    close: (): void => {
      for (const server of [read, admin]) {
        server.closeAllConnections();
        server.close();
      }
      for (const name of ["read.sock", "admin.sock"])
        rmSync(join(directory, name), { force: true });
    },
  };
}

function listen(
  path: string,
  mode: number,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Server> {
  rmSync(path, { force: true });
  const server = createServer(handle);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      chmodSync(path, mode);
      resolve(server);
    });
  });
}

function groupId(name: string): number | null {
  const line = readFileSync("/etc/group", "latin1")
    .split("\n")
    .find((l) => l.startsWith(`${name}:`));
  const id = line?.split(":")[2];
  return id === undefined ? null : Number(id);
}

function json(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { "content-type": "application/json" });
  response.end(`${JSON.stringify(body)}\n`);
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  answers: Answers,
  admin: boolean,
): void {
  const url = new URL(request.url ?? "/", "http://agent");
  const asked = `${request.method} ${url.pathname}`;
  if (asked === "GET /status") json(response, 200, answers.status());
  else if (asked === "GET /counters") json(response, 200, answers.counters());
  else if (asked === "GET /drops") stream(response, answers.streams.followDrops(lineTo(response)));
  else if (asked === "POST /trace" && admin) void trace(request, response, answers);
  else json(response, 404, { error: `nothing answers ${asked} on this socket` });
}

const lineTo =
  (response: ServerResponse) =>
  (record: object): void => {
    response.write(`${JSON.stringify(record)}\n`);
  };

/** Streams until the client goes. */
function stream(response: ServerResponse, stop: () => void): void {
  response.writeHead(200, { "content-type": "application/x-ndjson" });
  response.flushHeaders();
  response.once("close", stop);
}

async function trace(
  request: IncomingMessage,
  response: ServerResponse,
  answers: Answers,
): Promise<void> {
  const wanted = parseTrace(await bodyOf(request));
  if (!wanted) {
    json(response, 400, { error: 'expected {"ports":["tenant/port"],"seconds":1..600}' });
    return;
  }
  const ids = answers.portIds(wanted.ports);
  if ("unknown" in ids) {
    json(response, 404, { error: `no port ${ids.unknown} on this host` });
    return;
  }
  const write = lineTo(response);
  const stop = answers.streams.trace(ids, write);
  stream(response, stop);
  write({ tracing: wanted.ports });
  setTimeout(() => response.end(), wanted.seconds * 1000).unref();
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let octets = 0;
  for await (const part of request) {
    octets += part.length;
    if (octets > BODY_OCTETS_MAX) return "";
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function parseTrace(text: string): { ports: readonly string[]; seconds: number } | null {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return null; // the caller answers what is expected
  }
  if (typeof body !== "object" || body === null || !("ports" in body)) return null;
  const seconds = "seconds" in body ? Number(body.seconds) : 10;
  if (!Array.isArray(body.ports) || !(seconds > 0 && seconds <= TRACE_SECONDS_MAX)) return null;
  return { ports: body.ports.map(String), seconds };
}
