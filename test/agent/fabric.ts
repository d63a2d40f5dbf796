/**
 * Two hosts joined by a cable, each with an agent, and workloads of two tenants that use the same addresses and
 * MACs: everything in namespaces of one test process, gone when the test ends.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { TestContext } from "node:test";
import { ask } from "../../src/io/agent-client.ts";
import { withNamespace } from "../../src/kernel/namespace.ts";
import { PacketSocket } from "../../src/kernel/packet-socket.ts";

export const WEFT: string = resolve(import.meta.dirname, "../../bin/weft");

export type HostName = "h1" | "h2";
export type TenantName = "a" | "b";

/** A document of the intent, open to the test's changes. */
export interface Document {
  kind: string;
  metadata: { name: string; tenant?: string };
  spec: Record<string, unknown>;
}

export interface Status {
  readonly ready: boolean;
  readonly stale: boolean;
  readonly revision: string;
  readonly pid: number;
  readonly findings: readonly { readonly code: string }[];
  readonly problems: readonly { readonly code: string; readonly message: string }[];
  readonly ports: readonly { readonly port: string; readonly state: string }[];
  readonly unreachableHosts: readonly string[];
  readonly underlay: {
    readonly uplinks: readonly { readonly interface: string; readonly state: string }[];
    readonly paths: readonly {
      readonly host: string;
      readonly local: string;
      readonly remote: string;
      readonly instead: string | null;
      readonly mtu: number | null;
      readonly width: number;
      readonly routeWidth: number;
      readonly nextHops: readonly StatusHop[];
    }[];
    readonly lost: readonly {
      readonly interface: string;
      readonly address: string;
      readonly state: string;
      readonly hosts: readonly string[];
    }[];
  };
  readonly idleDevice: { readonly at: string; readonly ifindex?: number } | null;
  readonly drift: { readonly entries: number; readonly repairs: number };
  readonly writes: { readonly set: number; readonly removed: number };
  readonly slowPath: SlowPath | null;
  readonly rssOctets: number;
}

interface SlowCount {
  readonly heard: number;
  readonly answered: number;
  readonly limited: number;
}

interface SlowPath {
  readonly interface: string;
  readonly byReason: Readonly<Record<string, SlowCount>>;
  readonly strange: number;
  readonly refused: number;
}

export interface Counters {
  readonly verdicts: readonly {
    readonly name: string;
    readonly packets: number;
    readonly octets: number;
  }[];
  readonly ports: readonly {
    readonly port: string;
    readonly fromPackets: number;
    readonly toPackets: number;
    readonly dropped: number;
  }[];
  readonly eventsLost: number;
}

/** A next hop of a path, as `status` tells it. */
export interface StatusHop {
  readonly interface: string;
  readonly address: string;
  readonly mac: string | null;
  readonly weight: number;
  readonly state: string;
}

export interface FabricOptions {
  readonly encapsulations?: readonly string[];
  readonly underlay?: "ipv4" | "ipv6";
  /** Routers between the hosts instead of a cable, each with its weight in the hosts' routes; tunnel addresses are on lo. */
  readonly spines?: readonly number[];
  /** Tunnel addresses of a host in each family. */
  readonly vteps?: number;
  /** Each tenant has two networks, host h2's workloads on the second, and a router between them that says this as well. */
  readonly router?: Readonly<Record<string, unknown>>;
  /** Further words for every `weft agent`. */
  readonly agent?: readonly string[];
}

let made = 0;

export class Fabric {
  readonly directory: string;
  readonly documents: Document[];
  readonly #name: string;
  readonly #options: FabricOptions;
  readonly #agents = new Map<HostName, AgentProcess>();

  private constructor(options: FabricOptions) {
    this.#name = `weft-t-agent${process.pid}-${++made}`;
    this.#options = options;
    this.directory = mkdtempSync(join(tmpdir(), "weft-t-agent-"));
    this.documents = [...documentsOf(options), ...routerDocuments(options)];
  }

  /** Namespaces, cable and workloads; no agent yet. */
  static make(t: TestContext, options: FabricOptions = {}): Fabric {
    const fabric = new Fabric(options);
    t.after(() => fabric.#remove());
    fabric.#build();
    fabric.write();
    return fabric;
  }

  /** The same with both agents, ready. */
  static async running(t: TestContext, options: FabricOptions = {}): Promise<Fabric> {
    const fabric = Fabric.make(t, options);
    await Promise.all([fabric.start("h1").ready(), fabric.start("h2").ready()]);
    return fabric;
  }

  namespace(what: string): string {
    return `${this.#name}-${what}`;
  }

  /** Where everything of a host's agent is: its sockets here, its state beneath. */
  run(host: HostName): string {
    return join(this.directory, host);
  }

  pins(host: HostName): string {
    return join(this.directory, "bpf", host);
  }

  get intent(): string {
    return join(this.directory, "intent");
  }

  document(kind: string, name: string, tenant?: TenantName): Document {
    const found = this.documents.find(
      (d) => d.kind === kind && d.metadata.name === name && d.metadata.tenant === tenant,
    );
    assert.ok(found, `no ${kind} ${name}`);
    return found;
  }

  drop(document: Document): void {
    this.documents.splice(this.documents.indexOf(document), 1);
  }

  write(): void {
    this.writeText(
      this.documents
        .map((d) => JSON.stringify({ apiVersion: "weft.network/v1alpha1", ...d }))
        .join("\n---\n"),
    );
  }

  writeText(text: string): void {
    writeFileSync(join(this.intent, "all.yaml"), text);
  }

  agentWords(host: HostName): readonly string[] {
    return [
      ...["agent", "--intent", this.intent, "--host", host, "--run", this.run(host)],
      ...["--pins", this.pins(host), "--state", join(this.run(host), "state")],
    ];
  }

  start(host: HostName, ...words: readonly string[]): AgentProcess {
    return this.startThrough(host, [], ...words);
  }

  /** Through another program, which becomes weft in the end: ["setarch", "…"]. */
  startThrough(
    host: HostName,
    program: readonly string[],
    ...words: readonly string[]
  ): AgentProcess {
    return this.#launch(host, [...program, WEFT], words);
  }

  /** An agent of another release, whose program is `weft`. */
  startFrom(host: HostName, weft: string): AgentProcess {
    return this.#launch(host, [weft], []);
  }

  #launch(host: HostName, program: readonly string[], words: readonly string[]): AgentProcess {
    const own = [...this.agentWords(host), ...(this.#options.agent ?? []), ...words];
    const agent = new AgentProcess(this.namespace(host), [...program, ...own]);
    this.#agents.set(host, agent);
    return agent;
  }

  agent(host: HostName): AgentProcess {
    const agent = this.#agents.get(host);
    assert.ok(agent, `no agent on ${host}`);
    return agent;
  }

  async status(host: HostName): Promise<Status> {
    const answer = await ask(join(this.run(host), "read.sock"), "/status");
    assert.ok(answer.ok, JSON.stringify(answer));
    return JSON.parse(JSON.stringify(answer.value));
  }

  async counters(host: HostName): Promise<Counters> {
    const answer = await ask(join(this.run(host), "read.sock"), "/counters");
    assert.ok(answer.ok, JSON.stringify(answer));
    return JSON.parse(JSON.stringify(answer.value));
  }

  /** Packets of one verdict since the host's maps were made. */
  async counted(host: HostName, verdict: string): Promise<number> {
    const { verdicts } = await this.counters(host);
    return verdicts.find((v) => v.name === verdict)?.packets ?? Number.NaN;
  }

  /** Waits until a host's status is as wanted. */
  async until(
    host: HostName,
    what: string,
    wanted: (status: Status) => boolean,
    withinMs = 10_000,
  ): Promise<Status> {
    return await eventually(async () => {
      const status = await this.status(host);
      assert.ok(wanted(status), `not yet: ${what}: ${JSON.stringify(status)}`);
      return status;
    }, withinMs);
  }

  /** Runs a program in a namespace; fails if it fails. */
  exec(what: string, file: string, ...words: readonly string[]): string {
    return execFileSync("nsenter", [`--net=/run/netns/${this.namespace(what)}`, file, ...words], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  ip(what: string, line: string): string {
    return this.exec(what, "ip", ...line.split(" "));
  }

  /** Of the workloads a1 and b1 or, with 2, a2 and b2. */
  addressOf(n: number): string {
    return `10.${this.#options.router && n === 2 ? 2 : 1}.0.${n}`;
  }

  /** Whether a workload gets an answer from 10.1.0.x of its own network. */
  pings(workload: string, host: number, seconds = 1): boolean {
    const words = ["-c", "1", "-W", String(seconds), "-q", `10.1.0.${host}`];
    const name = `--net=/run/netns/${this.namespace(workload)}`;
    return spawnSync("nsenter", [name, "ping", ...words], { stdio: "ignore" }).status === 0;
  }

  /** Raw frames of an interface; whoever asks closes it. */
  socket(what: string, device: string): PacketSocket {
    const opened = withNamespace(`/run/netns/${this.namespace(what)}`, () =>
      PacketSocket.open(device),
    );
    assert.ok(opened.ok && opened.value.ok, `a socket on ${device}`);
    return opened.value.value;
  }

  /** A link as `ip -j -d` tells it, or null. */
  link(what: string, name: string): Link | null {
    const found = spawnSync("ip", ["-n", this.namespace(what), "-j", "-d", "link", "show", name], {
      encoding: "utf8",
    });
    if (found.status !== 0) return null;
    const links: readonly Link[] = JSON.parse(found.stdout);
    return links[0] ?? null;
  }

  links(what: string): readonly Link[] {
    return JSON.parse(this.ip(what, "-j -d link show"));
  }

  /** Names of pinned links: "port-3". */
  pinnedLinks(host: HostName): readonly string[] {
    return readdirSync(join(this.pins(host), "links")).sort();
  }

  /** Adds a workload whose host end is called `device`; `index` asks for an ifindex of the host end. */
  addWorkload(
    workload: string,
    host: HostName,
    device: string,
    address: string,
    index?: number,
  ): void {
    const space = this.namespace(workload);
    spawnSync("ip", ["netns", "add", space], { stdio: "ignore" });
    const number = index === undefined ? "" : ` index ${index}`;
    this.ip(host, `link add ${device}${number} type veth peer name eth0 netns ${space}`);
    // Without IPv6 of its own, so that nobody sends but those who are told to.
    this.ip(workload, "link set eth0 addrgenmode none");
    this.ip(workload, `link set eth0 address ${macOf(address)} mtu 1500 up`);
    this.ip(workload, "link set lo up");
    this.ip(workload, `address add ${address}/24 dev eth0`);
  }

  #build(): void {
    mkdirSync(this.intent, { recursive: true });
    mkdirSync(join(this.directory, "bpf"));
    execFileSync("mount", ["-t", "bpf", "bpf", join(this.directory, "bpf")]);
    for (const host of HOSTS) execFileSync("ip", ["netns", "add", this.namespace(host)]);
    if (this.#options.spines) this.#buildSpines(this.#options.spines);
    else this.#buildCable();
    for (const [i, host] of HOSTS.entries()) {
      this.ip(host, "link set lo up");
      const on = this.#options.spines ? "lo" : "up0";
      for (const vtep of vtepsOf(i + 1, this.#options))
        if (vtep.includes(":"))
          this.ip(host, `address add ${vtep}/${on === "lo" ? 128 : 64} dev ${on} nodad`);
        else this.ip(host, `address add ${vtep}/${on === "lo" ? 32 : 24} dev ${on}`);
      for (const tenant of ["a", "b"])
        this.#addTenant(`${tenant}${i + 1}`, host, `port-${tenant}`, i + 1);
    }
  }

  #addTenant(workload: string, host: HostName, device: string, n: number): void {
    const address = this.addressOf(n);
    this.addWorkload(workload, host, device, address);
    if (this.#options.router) this.ip(workload, `route add default via ${gatewayOf(address)}`);
  }

  #buildCable(): void {
    const there = `peer name up0 mtu 1600 netns ${this.namespace("h2")}`;
    this.ip("h1", `link add up0 mtu 1600 type veth ${there}`);
    for (const [i, host] of HOSTS.entries())
      this.ip(host, `link set up0 address 02:00:00:00:ff:0${i + 1} up`);
  }

  /** Each host has an uplink a spine, 10.S.H.1 and fd00:S:H::1 with the spine's ::2, and a route over all of them. */
  #buildSpines(weights: readonly number[]): void {
    for (const s of weights.keys()) {
      const spine = `s${s}`;
      execFileSync("ip", ["netns", "add", this.namespace(spine)]);
      this.exec(spine, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
      for (const [h, host] of HOSTS.entries()) {
        const there = `peer name to-${host} mtu 1600 netns ${this.namespace(spine)}`;
        this.ip(host, `link add up${s} mtu 1600 type veth ${there}`);
        for (const [where, device, n] of [
          [host, `up${s}`, 1],
          [spine, `to-${host}`, 2],
        ] as const) {
          this.ip(where, `address add 10.${s}.${h}.${n}/24 dev ${device}`);
          this.ip(where, `address add fd00:${s}:${h}::${n}/64 dev ${device} nodad`);
          this.ip(where, `link set ${device} up`);
        }
        for (const vtep of vtepsOf(h + 1, this.#options))
          this.ip(spine, `route add ${vtep} via ${linkAddress(vtep, s, h, 1)}`);
      }
    }
    for (const [h, host] of HOSTS.entries())
      for (const vtep of vtepsOf(2 - h, this.#options)) {
        const hops = [...weights.entries()].map(
          ([s, weight]) => `nexthop via ${linkAddress(vtep, s, h, 2)} dev up${s} weight ${weight}`,
        );
        this.ip(host, `route add ${vtep} ${hops.join(" ")}`);
      }
  }

  async #remove(): Promise<void> {
    for (const agent of this.#agents.values()) await agent.stop("SIGKILL");
    for (const name of readdirSync("/run/netns"))
      if (name.startsWith(`${this.#name}-`)) execFileSync("ip", ["netns", "delete", name]);
    execFileSync("umount", [join(this.directory, "bpf")]);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export interface Link {
  readonly ifindex: number;
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly master?: string;
  readonly inet6_addr_gen_mode?: string;
}

export const isUp = (link: Link | null): boolean => link?.flags.includes("UP") ?? false;

/** 02:00:00:00:00:nn of 10.1.0.nn. */
export function macOf(address: string): string {
  const last = Number(address.split(".")[3]);
  return `02:00:00:00:00:${last.toString(16).padStart(2, "0")}`;
}

/** 10.x.0.254 of 10.x.0.nn. */
const gatewayOf = (address: string): string => address.replace(/\.\d+$/, ".254");

/** A `weft agent` in a namespace. */
export class AgentProcess {
  out: string = "";
  err: string = "";
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;

  constructor(namespace: string, words: readonly string[]) {
    const enter = `--net=/run/netns/${namespace}`;
    this.#child = spawn("nsenter", [enter, ...words], { stdio: ["ignore", "pipe", "pipe"] });
    this.#child.stdout?.on("data", (part) => {
      this.out += part;
    });
    this.#child.stderr?.on("data", (part) => {
      this.err += part;
    });
    this.exited = new Promise((settle) => this.#child.on("close", (code) => settle(code)));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  kill(signal: NodeJS.Signals = "SIGKILL"): void {
    this.#child.kill(signal);
  }

  /** Until it says so; fails when it ends before. */
  async ready(withinMs = 30_000): Promise<this> {
    const end = performance.now() + withinMs;
    let ended = false;
    void this.exited.then(() => {
      ended = true;
    });
    while (!this.out.includes('{"ready":true}')) {
      assert.ok(!ended, `the agent ended: ${this.err}`);
      assert.ok(performance.now() < end, `not ready within ${withinMs} ms: ${this.err}`);
      await sleep(20);
    }
    return this;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    this.kill(signal);
    return await this.exited;
  }

  /** Of /proc/PID/status, in octets: "VmRSS", "VmHWM". */
  memory(field: string): number {
    const line = readFileSync(`/proc/${this.pid}/status`, "utf8")
      .split("\n")
      .find((l) => l.startsWith(`${field}:`));
    return 1024 * Number(line?.split(/\s+/)[1]);
  }

  /** Log lines, parsed. */
  log(): readonly Record<string, unknown>[] {
    return this.err
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line));
  }
}

export const sleep = (ms: number): Promise<void> => new Promise((settle) => setTimeout(settle, ms));

/** Until `check` no longer throws; what it answers. */
export async function eventually<T>(check: () => T | Promise<T>, withinMs = 8000): Promise<T> {
  const end = performance.now() + withinMs;
  for (;;) {
    try {
      return await check();
    } catch (thrown) {
      if (performance.now() > end) throw thrown;
    }
    await sleep(50);
  }
}

const HOSTS: readonly HostName[] = ["h1", "h2"];

/** Tunnel addresses of host `n`: 192.0.2.n and 2001:db8::n, then 192.0.2.1n and so on. */
function vtepsOf(n: number, { vteps = 1 }: FabricOptions): readonly string[] {
  const numbers = Array.from({ length: vteps }, (_, i) => 10 * i + n);
  return ["192.0.2.", "2001:db8::"].flatMap((prefix) => numbers.map((number) => prefix + number));
}

/** An end of the link between spine `s` and host `h`, of the family of `like`. */
const linkAddress = (like: string, s: number, h: number, end: number): string =>
  like.includes(":") ? `fd00:${s}:${h}::${end}` : `10.${s}.${h}.${end}`;

function documentsOf(options: FabricOptions): Document[] {
  const { encapsulations = ["vxlan"], underlay = "ipv4", spines = [1] } = options;
  const tenants = ["a", "b"] as const;
  return [
    { kind: "Fabric", metadata: { name: "f" }, spec: { numbering: "nvgre-safe" } },
    ...[1, 2].map((n) => ({
      kind: "Host",
      metadata: { name: `h${n}` },
      spec: {
        uplinks: spines.map((_, i) => ({ interface: `up${i}`, mtu: 1600 })),
        vteps: vtepsOf(n, options),
      },
    })),
    ...tenants.map((name) => ({ kind: "Tenant", metadata: { name }, spec: {} })),
    ...tenants.map((tenant, i) => ({
      kind: "Network",
      metadata: { name: "net", tenant },
      spec: { subnets: ["10.1.0.0/24"], encapsulations, vni: 11000 + 1000 * i, underlay },
    })),
    ...tenants.flatMap((tenant) => [1, 2].map((n) => portDocument(tenant, n, `h${n}`))),
  ].map(routedAs(options));
}

/** With a router: a gateway on the first network, and h2's ports on the second. */
function routedAs(options: FabricOptions): (document: Document) => Document {
  return (document) => {
    const { kind, metadata, spec } = document;
    if (!options.router) return document;
    if (kind === "Network") return { kind, metadata, spec: { ...spec, gateways: ["10.1.0.254"] } };
    if (kind !== "Port" || metadata.name !== "p2") return document;
    return { kind, metadata, spec: { ...spec, network: "far", addresses: ["10.2.0.2"] } };
  };
}

/** What a tenant has besides, when it has a router. */
function routerDocuments({ router, encapsulations, underlay }: FabricOptions): Document[] {
  if (!router) return [];
  return (["a", "b"] as const).flatMap((tenant, i) => [
    {
      kind: "Network",
      metadata: { name: "far", tenant },
      spec: {
        subnets: ["10.2.0.0/24"],
        gateways: ["10.2.0.254"],
        ...{ encapsulations, underlay, vni: 11001 + 1000 * i },
      },
    },
    {
      kind: "Router",
      metadata: { name: "main", tenant },
      spec: {
        networks: ["net", "far"],
        ...{ encapsulations, l3vni: 11002 + 1000 * i },
        ...router,
      },
    },
  ]);
}

export function portDocument(
  tenant: TenantName,
  n: number,
  host: string,
  device = `port-${tenant}`,
): Document {
  return {
    kind: "Port",
    metadata: { name: `p${n}`, tenant },
    spec: {
      network: "net",
      host,
      interface: device,
      mac: macOf(`10.1.0.${n}`),
      addresses: [`10.1.0.${n}`],
    },
  };
}
