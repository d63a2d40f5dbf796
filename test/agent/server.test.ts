/** The sockets of the agent without the agent: what a client can do to them by being slow. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Answers, serve } from "../../src/agent/server.ts";
import { EventStreams } from "../../src/agent/streams.ts";
import { HOOK, VERDICTS } from "../../src/rows/abi.generated.ts";
import { pack } from "../../src/rows/pack.ts";

const PORT = 4;

const event = pack("eventRow", {
  atNs: 1n,
  verdict: VERDICTS.indexOf("delivered"),
  hook: HOOK.HOOK_FROM_PORT,
  network: 11000,
  port: PORT,
  vni: 0,
  ifindex: 3,
  source: new Uint8Array(16),
  frameOctets: 1514,
  capturedOctets: 128,
  headers: new Uint8Array(128),
});

/** More than socket buffers take, and less than a slow client may have waiting. */
const EVENTS = 2000;

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !holds() && Date.now() < end; ) await sleep(10);
  assert.ok(holds(), "in time");
}

/** Asks for a trace of so many seconds, and reads nothing that comes of it. */
function trace(t: TestContext, directory: string, seconds: number): Socket {
  const client = createConnection(join(directory, "admin.sock"));
  t.after(() => client.destroy());
  client.pause();
  const body = JSON.stringify({ ports: ["a/p"], seconds });
  client.write(`POST /trace HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  return client;
}

test("a trace ends when its time is up, also for a client that has not read it all", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "weft-server-"));
  t.after(() => rmSync(directory, { recursive: true }));
  let passes = 0;
  const streams = new EventStreams("h1", {
    retraced: (): void => {
      passes++;
    },
    eventsLost: (): number => 0,
  });
  const answers: Answers = {
    status: (): object => ({}),
    counters: (): object => ({}),
    endpoints: () => ({}),
    streams,
    portIds: (): readonly number[] => [PORT],
  };
  const sockets = await serve(directory, answers);
  assert.ok(sockets.ok);
  t.after(() => sockets.value.close());
  const client = trace(t, directory, 0.5);
  await until(() => streams.traced.has(PORT));
  streams.deliver(Array.from({ length: EVENTS }, () => event));
  await until(() => streams.traced.size === 0);
  // Nobody follows any more; to write to the response that has ended would be an error that nobody catches.
  streams.deliver([event]);
  const read: Buffer[] = [];
  client.on("data", (part: Buffer) => read.push(part));
  client.resume();
  await until(() => Buffer.concat(read).includes("\r\n0\r\n\r\n"));
  const text = Buffer.concat(read).toString();
  assert.equal(text.match(/"verdict":"delivered"/g)?.length, EVENTS);
  client.destroy();
  await sleep(50);
  assert.equal(passes, 2, "in force once, and out of force once");
});
