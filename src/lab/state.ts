/** A lab's state.json: what it is made of and which agents run, for every command that comes later. */
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { err, ok, type Result } from "../base/result.ts";
import { isLabName, LABS, labPaths } from "./paths.ts";
import { type Topology, topologySchema } from "./topology.ts";

export interface LabState {
  readonly name: string;
  /** Of the intent; absolute. */
  readonly directory: string;
  readonly startedAt: string;
  /** "building" for ever means that `lab up` was killed. */
  readonly phase: "building" | "up";
  readonly topology: Topology;
  readonly agents: readonly { readonly host: string; readonly pid: number }[];
}

export interface StateError {
  readonly kind: "exists" | "missing" | "unreadable";
  readonly name: string;
  readonly detail: string;
}

const schema: z.ZodType<LabState> = z.strictObject({
  name: z.string(),
  directory: z.string(),
  startedAt: z.string(),
  phase: z.enum(["building", "up"]),
  topology: topologySchema,
  agents: z.array(z.strictObject({ host: z.string(), pid: z.int() })),
});

const codeOf = (thrown: unknown): string =>
  thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";

/** Takes `name` for a new lab; of two at the same moment one gets it. */
export function claimLab(name: string): Result<void, StateError> {
  for (;;) {
    try {
      mkdirSync(LABS, { recursive: true });
      mkdirSync(labPaths(name).run);
      return ok(undefined);
    } catch (thrown) {
      // The teardown of the last other lab takes the empty directory away, perhaps between our two steps.
      if (codeOf(thrown) === "ENOENT") continue;
      const kind = codeOf(thrown) === "EEXIST" ? "exists" : "unreadable";
      return err({ kind, name, detail: String(thrown) });
    }
  }
}

/** Replaces the state in one step: a reader sees the old one or the new one. */
export function writeState(state: LabState): void {
  const { state: path } = labPaths(state.name);
  writeFileSync(`${path}.new`, JSON.stringify(state));
  renameSync(`${path}.new`, path);
}

export function readState(name: string): Result<LabState, StateError> {
  try {
    const parsed = schema.safeParse(JSON.parse(readFileSync(labPaths(name).state, "utf8")));
    if (parsed.success) return ok(parsed.data);
    return err({ kind: "unreadable", name, detail: z.prettifyError(parsed.error) });
  } catch (thrown) {
    const kind = codeOf(thrown) === "ENOENT" ? "missing" : "unreadable";
    return err({ kind, name, detail: String(thrown) });
  }
}

/** Names of all labs that are there, whole or not. */
export function listLabs(): readonly string[] {
  try {
    return readdirSync(LABS).filter(isLabName).sort();
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return [];
    throw thrown;
  }
}
