/**
 * The agent's sockets: HTTP over unix sockets. `read.sock` (0660, group weft) answers and never shows payload
 * beyond the headers of dropped frames; `admin.sock` (0600) also acts, and every request on it is logged with the
 * peer's uid.
 */
import { chmodSync, chownSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { err, ok, type Result } from "../base/result.ts";
import { log } from "../io/log.ts";
import type { SystemError } from "../kernel/libc.ts";
import { readPeerCredentials } from "../kernel/peer-credentials.ts";
import { attempt, systemErrorFrom } from "./attempt.ts";
import type { EventStreams, Write } from "./streams.ts";

export interface Answers {
  readonly status: () => object;
  readonly counters: () => object;
  readonly endpoints: () => object;
  readonly streams: EventStreams;
  /** Port ids of `tenant/name`s; a name that is not on this host is answered as it is. */
  readonly portIds: (names: readonly string[]) => readonly number[] | { readonly unknown: string };
}

export interface Sockets {
  readonly close: () => void;
}

const TRACE_SECONDS_MAX = 600;
const BODY_OCTETS_MAX = 1 << 20;
/** What waits for a follower that does not read. */
const WAITING_OCTETS_MAX = 1 << 20;
/** Groups of a machine, and the one of them that may ask us. */
const GROUP_FILE = "/etc/group";
const GROUP = "weft";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export async function serve(
  directory: string,
  answers: Answers,
): Promise<Result<Sockets, SystemError>> {
  const readPath = join(directory, "read.sock");
  const adminPath = join(directory, "admin.sock");
  const read = await listen(readPath, (request, response) =>
    answer(request, response, answers, false),
  );
  if (!read.ok) return read;
  const admin = await listen(adminPath, (request, response) => {
    recordPeer(request);
    answer(request, response, answers, true);
  });
  if (!admin.ok) return admin;
  const opened = openToGroup(readPath);
  if (!opened.ok) return opened;
  return ok({
    close: (): void => {
      for (const server of [read.value, admin.value]) {
        server.closeAllConnections();
        server.close();
      }
      for (const path of [readPath, adminPath]) rmSync(path, { force: true });
    },
  });
}

/** At a socket for its owner alone, from its first moment on; one that a killed agent left is removed. */
function listen(path: string, handle: Handler): Promise<Result<Server, SystemError>> {
  const server = createServer(handle);
  return new Promise((resolve: (result: Result<Server, SystemError>) => void) => {
    const refuse = (thrown: unknown): void =>
      resolve(err(systemErrorFrom(`listen ${path}`, thrown)));
    const removed = attempt(`remove ${path}`, () => rmSync(path, { force: true }));
    if (!removed.ok) {
      resolve(removed);
      return;
    }
    server.once("error", refuse);
    // The socket is made within this call, with the mode that the mask leaves.
    const mask = process.umask(0o177);
    server.listen(path, () => {
      server.off("error", refuse);
      server.on("error", (e: Error) =>
        log("error", "a socket failed", { path, detail: e.message }),
      );
      resolve(ok(server));
    });
    process.umask(mask);
  });
}

function openToGroup(path: string): Result<null, SystemError> {
  return attempt(`open ${path} to group ${GROUP}`, () => {
    const line = readFileSync(GROUP_FILE, "latin1")
      .split("\n")
      .find((l) => l.startsWith(`${GROUP}:`));
    if (line !== undefined) chownSync(path, 0, Number(line.split(":")[2]));
    chmodSync(path, 0o660);
    return null;
  });
}

/** Node keeps the descriptor in the handle of the socket, which has no type. */
function recordPeer(request: IncomingMessage): void {
  const handle: unknown = Reflect.get(request.socket, "_handle");
  const fd = typeof handle === "object" && handle !== null && "fd" in handle ? handle.fd : null;
  const peer = typeof fd === "number" ? readPeerCredentials(fd) : null;
  const who = peer?.ok ? peer.value : { uid: null };
  log("info", "admin request", { request: `${request.method} ${request.url}`, ...who });
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
  const asked = `${request.method} ${(request.url ?? "/").split("?")[0]}`;
  if (asked === "GET /status") json(response, 200, answers.status());
  else if (asked === "GET /counters") json(response, 200, answers.counters());
  else if (asked === "GET /endpoints") json(response, 200, answers.endpoints());
  else if (asked === "GET /drops") stream(response, answers.streams.followDrops(lineTo(response)));
  else if (asked === "POST /trace" && admin)
    bodyOf(request, (body) => trace(body, response, answers));
  else json(response, 404, { error: `nothing answers ${asked} on this socket` });
}

const lineTo =
  (response: ServerResponse): Write =>
  (record: object): boolean => {
    if (response.writableLength > WAITING_OCTETS_MAX) return false;
    response.write(`${JSON.stringify(record)}\n`);
    return true;
  };

/** Streams until the client goes. */
function stream(response: ServerResponse, stop: () => void): void {
  response.writeHead(200, { "content-type": "application/x-ndjson" });
  response.flushHeaders();
  response.once("close", stop);
}

function trace(body: string, response: ServerResponse, answers: Answers): void {
  const wanted = parseTrace(body);
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
  const end = (): void => {
    // First of all: a client that reads late keeps the response open, and nothing may be written after its end.
    stop();
    response.end();
  };
  setTimeout(end, wanted.seconds * 1000).unref();
}

/** `use` gets the body, or "" if it is too long; nothing is called for a client that goes away. */
function bodyOf(request: IncomingMessage, use: (body: string) => void): void {
  const parts: Buffer[] = [];
  let octets = 0;
  request.on("data", (part: Buffer) => {
    octets += part.length;
    if (octets <= BODY_OCTETS_MAX) parts.push(part);
  });
  request.on("error", (e: Error) => log("info", "a client went away", { detail: e.message }));
  request.on("end", () =>
    use(octets > BODY_OCTETS_MAX ? "" : Buffer.concat(parts).toString("utf8")),
  );
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
