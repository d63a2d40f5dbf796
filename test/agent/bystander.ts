/** bystander.bpf.c on an uplink, at tcx or as a clsact filter, and what it has been shown. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  attachTcxIngress,
  BpfMap,
  closeBpfFd,
  type LoadedObject,
  loadBpfObject,
  pin,
} from "../../src/kernel/bpf.ts";
import { interfaceIndex } from "../../src/kernel/libc.ts";
import { inside, must } from "../kernel/scratch.ts";
import type { Fabric, HostName } from "./fabric.ts";

const SOURCE = join(import.meta.dirname, "bystander.bpf.c");

/** As the program numbers what it sees: a VNI as it is, a VSID with this bit. */
export const nvgreOf = (vsid: number): number => (1 << 24) | vsid;
export const OTHER: number = 1 << 25;

/** Packets by what they are. */
export type Seen = ReadonlyMap<number, number>;

/** Compiles the program; the object's path. */
export function buildBystander(directory: string): string {
  const object = join(directory, "bystander.bpf.o");
  const arch = execFileSync("gcc", ["-print-multiarch"], { encoding: "utf8" }).trim();
  const flags = ["-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Wall", "-Wextra", "-Werror"];
  execFileSync("clang", [...flags, `-I/usr/include/${arch}`, "-c", SOURCE, "-o", object]);
  return object;
}

export class Bystander {
  readonly #fabric: Fabric;
  readonly #host: HostName;
  readonly #pins: string;
  readonly #object: LoadedObject;
  readonly #seen: BpfMap;
  #link: number | null = null;

  /** Each with counters of its own; `name` is unique in the fabric. */
  constructor(fabric: Fabric, host: HostName, object: string, name: string) {
    this.#fabric = fabric;
    this.#host = host;
    this.#pins = join(fabric.directory, "bpf", name);
    mkdirSync(this.#pins);
    this.#object = must(loadBpfObject(object, this.#pins));
    const fd = this.#object.mapFds.get("seen");
    assert.ok(fd !== undefined);
    this.#seen = new BpfMap("seen", fd, { keyOctets: 4, rowOctets: 8, isArray: false });
  }

  get #program(): number {
    const fd = this.#object.programFds.get("bystander");
    assert.ok(fd !== undefined);
    return fd;
  }

  /** Behind the programs that are there. */
  attachTcx(device: string): this {
    this.#link = inside(this.#fabric.namespace(this.#host), () =>
      must(attachTcxIngress(this.#program, interfaceIndex(device))),
    );
    return this;
  }

  attachClsact(device: string): this {
    const path = join(this.#pins, "program");
    must(pin(this.#program, path));
    const tc = (...words: readonly string[]): string =>
      this.#fabric.exec(this.#host, "tc", ...words);
    tc("qdisc", "add", "dev", device, "clsact");
    const program = ["bpf", "direct-action", "object-pinned", path];
    tc("filter", "add", "dev", device, "ingress", ...program);
    return this;
  }

  seen(): Seen {
    const entries = must(this.#seen.entries());
    const u32 = (octets: Uint8Array): number => Buffer.from(octets).readUInt32LE();
    return new Map(entries.map(([key, row]) => [u32(key), u32(row)]));
  }

  close(): void {
    if (this.#link !== null) closeBpfFd(this.#link);
    this.#object.close();
  }
}
