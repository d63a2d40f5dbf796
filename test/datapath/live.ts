/** A lab under test: real agents and kernels in namespaces, frames and streams through it, counters. Needs root. */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { withNamespace } from "../../src/kernel/namespace.ts";
import { PacketSocket } from "../../src/kernel/packet-socket.ts";
import { ip, must } from "../kernel/scratch.ts";
import { labName, weft } from "../lab/weft.ts";
import type { Delta } from "./rig.ts";

const ECHO = join(import.meta.dirname, "echo.ts");
const MINUTE = 60_000;

/** Documents of an intent, without the line that all begin with. */
export type Intent = readonly (Readonly<Record<string, unknown>> & { readonly kind: string })[];

interface LabPort {
  readonly port: string;
  readonly namespace: string;
  readonly interface: string;
  readonly hostInterface: string;
  readonly mac: string;
}

interface LabHost {
  readonly name: string;
  readonly namespace: string;
  readonly uplinks: readonly { readonly interface: string; readonly mac: string }[];
}

interface Status {
  readonly underlay: { readonly namespace: string; readonly bridge: string };
  readonly hosts: readonly LabHost[];
  readonly ports: readonly LabPort[];
}

export class Lab {
  readonly name: string;
  readonly status: Status;
  readonly #directory: string;
  readonly #sockets: PacketSocket[] = [];
  readonly #children: ChildProcess[] = [];

  private constructor(name: string, directory: string, status: Status) {
    this.name = name;
    this.#directory = directory;
    this.status = status;
  }

  static up(what: string, intent: Intent): Lab {
    const name = labName(what);
    const directory = mkdtempSync(join(tmpdir(), "weft-t-"));
    const documents = intent.map((d) =>
      JSON.stringify({ apiVersion: "weft.network/v1alpha1", ...d }),
    );
    writeFileSync(join(directory, "all.yaml"), documents.join("\n---\n"));
    const up = weft("lab", "up", directory, "--name", name);
    if (up.exit !== 0) {
      weft("lab", "down", name);
      rmSync(directory, { recursive: true });
      assert.fail(up.err);
    }
    const status: Status = JSON.parse(weft("lab", "status", name, "--json").out);
    return new Lab(name, directory, status);
  }

  async down(): Promise<void> {
    for (const socket of this.#sockets) socket.close();
    const ended = this.#children.map(
      (child) =>
        new Promise((resolve) => {
          if (child.exitCode !== null || child.signalCode !== null) resolve(null);
          child.on("exit", resolve);
          child.kill("SIGKILL");
        }),
    );
    await Promise.all(ended);
    const down = weft("lab", "down", this.name);
    rmSync(this.#directory, { recursive: true });
    assert.equal(down.exit, 0, down.err);
  }

  port(name: string): LabPort {
    const port = this.status.ports.find((p) => p.port === `org/${name}`);
    assert.ok(port, `a port ${name}`);
    return port;
  }

  host(name: string): LabHost {
    const host = this.status.hosts.find((h) => h.name === name);
    assert.ok(host, `a host ${name}`);
    return host;
  }

  /** Packets by verdict since the lab came up, of those counted. */
  counters(host: string): Delta {
    const answer = weft("counters", "--lab", this.name, "--host", host, "--json");
    assert.equal(answer.exit, 0, answer.err);
    const { verdicts }: { verdicts: { name: string; packets: number }[] } = JSON.parse(answer.out);
    return Object.fromEntries(
      verdicts.filter((v) => v.packets > 0).map((v) => [v.name, v.packets]),
    );
  }

  /** Frames of an interface; closed with the lab. */
  socket(
    namespace: string,
    name: string,
    options: { readonly outgoing?: boolean } = {},
  ): PacketSocket {
    const opened = withNamespace(`/run/netns/${namespace}`, () => PacketSocket.open(name, options));
    const socket = must(must(opened));
    this.#sockets.push(socket);
    return socket;
  }

  socketOf(port: string): PacketSocket {
    const { namespace, interface: name } = this.port(port);
    return this.socket(namespace, name);
  }

  ip(namespace: string, ...lines: readonly string[]): void {
    ip(namespace, ...lines);
  }

  /** Runs a program in a namespace; its output. */
  async exec(namespace: string, ...words: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)("ip", ["netns", "exec", namespace, ...words], {
      timeout: MINUTE,
      maxBuffer: 16 << 20,
    });
    return stdout;
  }

  /** A process that lives until the lab goes down, once it has said its first line; what it has said so far. */
  async start(namespace: string, ...words: readonly string[]): Promise<() => readonly string[]> {
    const child = spawn("ip", ["netns", "exec", namespace, ...words], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#children.push(child);
    let text = "";
    child.stdout.on("data", (chunk) => {
      text += chunk;
    });
    await until(`${words.join(" ")} is ready`, () => text.includes("\n"));
    return () => text.split("\n").slice(1, -1);
  }

  /** Answers TCP and UDP on port 7 of all addresses there. */
  async serveEcho(namespace: string): Promise<void> {
    await this.start(namespace, process.execPath, ECHO, "serve");
  }

  /** Sends and gets back a stream or datagrams of all sizes up to `octets`; fails when one octet differs. */
  async echo(
    namespace: string,
    protocol: "tcp" | "udp",
    address: string,
    octets: number,
  ): Promise<void> {
    const said = await this.exec(
      namespace,
      ...[process.execPath, ECHO, protocol, address, String(octets)],
    );
    assert.equal(said, "equal\n", `${protocol} to ${address}`);
  }

  ping(namespace: string, address: string, ...more: readonly string[]): Promise<string> {
    return this.exec(namespace, "ping", "-c", "1", "-W", "5", ...more, address);
  }
}

export async function until(what: string, is: () => boolean, withinMs = 20_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!is()) {
    assert.ok(performance.now() < deadline, `not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** What waits at a socket now. */
export function drain(socket: PacketSocket): readonly Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let frame = socket.receive(); frame; frame = socket.receive()) frames.push(frame);
  return frames;
}
