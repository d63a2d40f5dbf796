/** Streams and datagrams there and back between the workloads and hosts of a fabric, compared octet by octet. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { resolve } from "node:path";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import type { Fabric } from "./fabric.ts";

const ECHO = resolve(import.meta.dirname, "../datapath/echo.ts");
const MINUTE = 60_000;

const enter = (fabric: Fabric, where: string): string =>
  `--net=/run/netns/${fabric.namespace(where)}`;

/** Answers there until the test ends. */
export async function serveEcho(t: TestContext, fabric: Fabric, where: string): Promise<void> {
  const words = [enter(fabric, where), process.execPath, ECHO, "serve"];
  const child = spawn("nsenter", words, { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  await new Promise((settle) => child.stdout.once("data", settle));
}

export interface Echo {
  readonly protocol: "tcp" | "udp";
  readonly to: string;
  /** Of the stream, or of the largest datagram. */
  readonly octets: number;
}

/** Fails when one octet comes back changed. */
export async function echo(fabric: Fabric, from: string, what: Echo): Promise<void> {
  const { protocol, to, octets } = what;
  const words = [enter(fabric, from), process.execPath, ECHO, protocol, to, String(octets)];
  const { stdout } = await promisify(execFile)("nsenter", words, { timeout: MINUTE });
  assert.equal(stdout, "equal\n", `${protocol} from ${from} to ${to}`);
}
