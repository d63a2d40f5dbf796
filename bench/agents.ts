/** weft's agents on the bed, one a host, as they ship: all guards on, alive while their datapath is measured. */
import { mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ask } from "../src/io/agent-client.ts";
import { monotonicMs, sleepMs } from "../src/io/clock.ts";
import {
  type Bed,
  bpffsOf,
  hostOf,
  namespaceFile,
  repository,
  type Side,
  sides,
  writeBedFile,
} from "./bed.ts";
import { type Running, start, stop } from "./program.ts";

const READY_MS = 60_000;
const ANSWER_MS = 60_000;
const LOOK_MS = 10;
const REST_MS = 30_000;
const IDLE_WINDOW_MS = 1000;
/** Of one CPU. */
const IDLE_SHARE = 0.05;

/** How many table rows an agent has written since it began. */
export interface Writes {
  readonly set: number;
  readonly removed: number;
}

/** The agents that run under one name; at most one pair at a time. */
export class Agents {
  readonly #name: string;
  readonly #running: Running[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  /** Starts one on each host, or on those of `on`, with `intent`, and waits until all are ready. */
  async start(
    bed: Bed,
    intent: string,
    { on = sides, options = [] }: { on?: readonly Side[]; options?: readonly string[] } = {},
  ): Promise<void> {
    const file = writeBedFile(bed, `${this.#name}.yaml`, intent);
    const started = on.map((side) => {
      for (const part of ["run", "state"])
        mkdirSync(join(this.#directory(bed, side), part), { recursive: true });
      return start(
        [
          ...["nsenter", `--net=${namespaceFile(hostOf(bed, side))}`],
          ...[join(repository, "bin/weft"), "agent", "--intent", file, "--host", `h${side}`],
          ...["--run", join(this.#directory(bed, side), "run")],
          ...["--state", join(this.#directory(bed, side), "state")],
          ...["--pins", this.#pins(bed, side)],
          ...options,
        ],
        (line) => /"ready":\s*true/.test(line),
        READY_MS,
      );
    });
    // All are waited for even if one fails, so that those that run are stopped.
    const outcomes = await Promise.allSettled(started);
    for (const outcome of outcomes)
      if (outcome.status === "fulfilled") this.#running.push(outcome.value);
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  }

  /** Puts another intent in the place of the one that they run with, at once. */
  rewrite(bed: Bed, intent: string): void {
    const fresh = writeBedFile(bed, `${this.#name}.yaml.new`, intent);
    renameSync(fresh, fresh.replace(/\.new$/, ""));
  }

  /**
   * Asked again when it does not answer: an agent that reads a great intent has no time for that. Throws if it has
   * something to complain of.
   */
  async writesOf(bed: Bed, side: Side): Promise<Writes> {
    const socket = join(this.#directory(bed, side), "run", "read.sock");
    const endMs = monotonicMs() + ANSWER_MS;
    let answer = await ask(socket, "/status");
    while (!answer.ok && monotonicMs() < endMs) {
      await sleepMs(LOOK_MS);
      answer = await ask(socket, "/status");
    }
    if (!answer.ok) throw new Error(`h${side} does not answer: ${answer.error.detail}`);
    const { stale, problems, writes } = { ...nothing, ...Object(answer.value) };
    if (stale || problems.length > 0)
      throw new Error(
        `h${side} is not as intended: ${JSON.stringify(answer.value).slice(0, 2000)}`,
      );
    return writes;
  }

  /** Waits until the agents have nothing to do any more: what follows a change must not be measured with it. */
  async rest(): Promise<void> {
    const endMs = monotonicMs() + REST_MS;
    for (let idle = false; !idle && monotonicMs() < endMs; ) {
      const before = this.#running.map(cpuMs);
      await sleepMs(IDLE_WINDOW_MS);
      idle = this.#running.every(
        (agent, i) => cpuMs(agent) - (before[i] ?? 0) <= IDLE_WINDOW_MS * IDLE_SHARE,
      );
    }
  }

  async stop(bed: Bed): Promise<void> {
    // Its datapath outlives an agent: the pins are what keeps it, so they go too.
    await Promise.all(this.#running.splice(0).map((agent) => stop(agent, "SIGKILL")));
    for (const side of sides) {
      rmSync(this.#pins(bed, side), { recursive: true, force: true });
      rmSync(this.#directory(bed, side), { recursive: true, force: true });
    }
  }

  #directory(bed: Bed, side: Side): string {
    return join(bed.directory, `${this.#name}-${side}`);
  }

  #pins(bed: Bed, side: Side): string {
    return join(bpffsOf(bed), `${this.#name}-${side}`);
  }
}

/** Time of a CPU that a program has taken so far, in ticks of 10 ms (proc(5), stat: utime and stime). */
function cpuMs({ child }: Running): number {
  const text = readFileSync(`/proc/${child.pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

const nothing: { stale: boolean; problems: readonly unknown[]; writes: Writes } = {
  stale: false,
  problems: [],
  writes: { set: 0, removed: 0 },
};
