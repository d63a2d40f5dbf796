/** Numbered packets through a fabric: two runs of flows.c, one in each workload of a tenant. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, renameSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Fabric, sleep } from "./fabric.ts";

const SOURCE = join(import.meta.dirname, "flows.c");
const DIRECTORY = resolve(import.meta.dirname, "../../build/test");

/** Compiles flows.c; the program's path. */
export function buildFlows(): string {
  mkdirSync(DIRECTORY, { recursive: true });
  const program = join(DIRECTORY, "flows");
  const fresh = `${program}.${process.pid}`;
  execFileSync("gcc", ["-O2", "-Wall", "-Wextra", "-Werror", "-o", fresh, SOURCE], {
    stdio: "inherit",
  });
  renameSync(fresh, program);
  return program;
}

export const FLOWS = 60;
/** Packets a second, each way. */
export const RATE = 12_000;
const RATE_MIN = 10_000;
const PORT = 20_000;

export interface End {
  readonly sent: readonly number[];
  readonly received: readonly number[];
  readonly duplicated: number;
  readonly reordered: number;
  readonly errors: number;
  readonly ms: number;
}

export interface Outcome {
  readonly sent: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  readonly errors: number;
}

/** Both ways between the workloads a1 and a2, or b1 and b2. */
export class Traffic {
  readonly #ends: readonly Sender[];

  private constructor(ends: readonly Sender[]) {
    this.#ends = ends;
  }

  static async start(fabric: Fabric, tenant: "a" | "b", program: string): Promise<Traffic> {
    const sender = (own: number, peer: number): Sender =>
      new Sender(fabric.namespace(`${tenant}${own}`), program, {
        own: fabric.addressOf(own),
        peer: fabric.addressOf(peer),
      });
    const traffic = new Traffic([sender(1, 2), sender(2, 1)]);
    await Promise.all(traffic.#ends.map((end) => end.said("open")));
    for (const end of traffic.#ends) end.tell("go");
    return traffic;
  }

  /** Ends sending, waits for what is on the way, and adds up. Fails if it was not traffic enough to count. */
  async stop(): Promise<Outcome> {
    for (const end of this.#ends) end.tell("stop");
    await sleep(300);
    for (const end of this.#ends) end.tell("end");
    const [one, other] = await Promise.all(this.#ends.map((end) => end.result()));
    assert.ok(one && other);
    const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
    for (const { sent, ms } of [one, other]) {
      const rate = (1000 * sum(sent)) / ms;
      assert.ok(
        rate >= RATE_MIN,
        `only ${Math.round(rate)} packets a second: the run proves nothing`,
      );
      assert.ok(
        sent.every((n) => n > 0),
        "a flow has sent nothing",
      );
    }
    const lost = (from: End, to: End): number =>
      sum(from.sent.map((n, flow) => n - (to.received[flow] ?? 0)));
    return {
      sent: sum(one.sent) + sum(other.sent),
      lost: lost(one, other) + lost(other, one),
      duplicated: one.duplicated + other.duplicated,
      reordered: one.reordered + other.reordered,
      errors: one.errors + other.errors,
    };
  }
}

/** How much of it. */
interface Pace {
  readonly flows: number;
  /** Packets a second. */
  readonly rate: number;
}

/** One end: what it has sent and received, flow by flow. */
export class Sender {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #out: string = "";

  constructor(
    namespace: string,
    program: string,
    ends: { readonly own: string; readonly peer: string },
    { flows, rate }: Pace = { flows: FLOWS, rate: RATE },
  ) {
    const words = [program, ends.own, ends.peer, String(PORT), String(flows), String(rate)];
    this.#child = spawn("nsenter", [`--net=/run/netns/${namespace}`, ...words], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#child.stdout?.on("data", (part) => {
      this.#out += part;
    });
    this.#ended = new Promise((settle) => this.#child.on("close", (code) => settle(code)));
  }

  tell(word: string): void {
    this.#child.stdin?.write(`${word}\n`);
  }

  async said(word: string): Promise<void> {
    const end = performance.now() + 5000;
    while (!this.#out.includes(word)) {
      assert.ok(performance.now() < end, `the sender does not say ${word}`);
      await sleep(5);
    }
  }

  async result(): Promise<End> {
    assert.equal(await this.#ended, 0, "the sender failed");
    return JSON.parse(this.#out.slice(this.#out.indexOf("{")));
  }
}
