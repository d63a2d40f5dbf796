/**
 * One pass from wanted rows and the kernel's facts to the kernel: tables, links, devices. A pass reads the facts anew
 * and writes only what differs; what fails is a problem, and the rest goes on. Of the tables it looks at what may have
 * changed, and after each audit, or after a failure, at all. What was right and is not any more, without our doing, is
 * drift: repaired as any other difference, and counted.
 */

import { parseIp } from "../base/ip.ts";
import { ok, type Result } from "../base/result.ts";
import { OWN_PART } from "../intent/host-parts.ts";
import { monotonicMs, monotonicNs, timestamp } from "../io/clock.ts";
import { log } from "../io/log.ts";
import { readLink } from "../kernel/links.ts";
import { unmanageNeighbour } from "../kernel/neighbours.ts";
import type { NetlinkError, SocketEvent } from "../kernel/netlink.ts";
import type { PortRow, Row, RowParts, UplinkRow } from "../rows/rows.ts";
import type { Link } from "../wire/netlink/link.ts";
import { AdjacencyBook } from "./adjacency-book.ts";
import { Binder } from "./binder.ts";
import {
  type DeviceError,
  type IdleDevice,
  isQuiet,
  type Kernel,
  prepareIdleDevice,
  preparePort,
  raisePort,
  releasePort,
} from "./devices.ts";
import { entriesOf } from "./entries.ts";
import { type HostFacts, readFacts } from "./facts.ts";
import { lendHeadroom, prepareHeadroom, takeHeadroom } from "./headroom.ts";
import { unreachableHosts } from "./paths.ts";
import { type Problem, problemOf, uplinkProblem } from "./problem.ts";
import { type UnderlayStatus, underlayStatus } from "./underlay.ts";
import { applyMemberships, type Membership } from "./underlay-groups.ts";

export interface Drift {
  /** Table entries and device settings that were not as we had left them. */
  readonly entries: number;
  readonly repairs: number;
  readonly lastAt: string | null;
}

export interface PassInput {
  readonly parts: RowParts;
  /** Parts that are not as they were in the pass before; null: any. */
  readonly changed: ReadonlySet<string> | null;
  /** Ids of ports whose every frame is told. */
  readonly traced: ReadonlySet<number>;
  /** Nothing was heard from the kernel since the pass before: what it said then holds. */
  readonly sameFacts: boolean;
}

/** A port's interface that we have made ready. */
interface Prepared {
  readonly mtu: number;
  readonly raised: boolean;
}

/** A UDP port that somebody else holds is asked for again this often: each time makes and deletes a device. */
const OCCUPIED_MS = 30_000;

export class Reconciler {
  readonly #kernel: Kernel;
  readonly #freshMs: number;
  readonly #adjacencies: AdjacencyBook;
  /** By ifindex. */
  readonly #prepared = new Map<number, Prepared>();
  readonly #binder = new Binder();
  #uplinks: readonly UplinkRow[] = [];
  /** Null: they could not be read. */
  #facts: HostFacts | null = null;
  /** All entries are to be compared with the kernel's, not only those that may have changed. */
  #compareAll: boolean = true;
  #problems: readonly Problem[] = [];
  /** What the last audit could not look at. */
  #auditProblems: readonly Problem[] = [];
  #idle: IdleDevice | null = null;
  #idleAgainMs: number = 0;
  #freshUntilNs: bigint = 0n;
  #drift: Drift = { entries: 0, repairs: 0, lastAt: null };
  #drifted: string[] = [];
  /** Index of the bridge that asks for headroom. */
  #headroom: number | null = null;
  #headroomRefusal: string | null = null;
  /** As we left it; false also before the first look. */
  #isInNoGroup: boolean = false;
  #writes: { set: number; removed: number } = { set: 0, removed: 0 };

  /** `freshMs`: how long a next hop's MAC is vouched for; it is renewed when a third of that has passed. */
  constructor(kernel: Kernel, freshMs: number) {
    this.#kernel = kernel;
    this.#freshMs = freshMs;
    this.#adjacencies = AdjacencyBook.of(entriesOf(kernel.datapath.applied, "adjacency"));
  }

  get problems(): readonly Problem[] {
    return this.#problems;
  }

  get presentPorts(): readonly string[] {
    return this.#binder.presentPorts;
  }

  get unreachableHosts(): readonly string[] {
    return unreachableHosts(this.#binder.paths);
  }

  /** Some next hop was not answered for yet. */
  get isResolving(): boolean {
    return this.#binder.paths.some(({ nextHops }) =>
      nextHops.some(({ state }) => state === "unresolved"),
    );
  }

  get underlay(): UnderlayStatus {
    const links = this.#facts?.linksByName ?? new Map<string, Link>();
    return underlayStatus(this.#binder.paths, this.#uplinks, links);
  }

  get idleDevice(): IdleDevice | null {
    return this.#idle;
  }

  get drift(): Drift {
    return this.#drift;
  }

  get writes(): { readonly set: number; readonly removed: number } {
    return this.#writes;
  }

  /** When one uplink is lost another may carry. */
  get hasSpareUplinks(): boolean {
    return this.#uplinks.length > 1;
  }

  /** Whether an uplink has lost or found its carrier since the facts were read. Cheap; of a host with one uplink: no. */
  isOtherwiseCarried(): boolean {
    if (!this.hasSpareUplinks) return false;
    return this.#uplinks.some(({ interface: name }) => {
      const known = this.#facts?.linksByName.get(name);
      const now = known ? readLink(this.#kernel.netlink, known.index) : null;
      return now?.ok === true && now.value?.carrier !== known?.carrier;
    });
  }

  /** Whether what the kernel tells can change what is in force. A host has neighbours that are nobody's next hop. */
  concerns(event: SocketEvent): boolean {
    if (event.on !== "neighbour") return true;
    return this.#adjacencies.has(event.neighbour.index, event.neighbour.address);
  }

  /** False if it came to nothing, and what has changed is still to be taken up. */
  pass({ parts, changed, traced, sameFacts }: PassInput): boolean {
    const problems: Problem[] = [...this.#auditProblems];
    const { datapath } = this.#kernel;
    const own = parts.get(OWN_PART) ?? [];
    this.#uplinks = own.filter((row) => row.table === "uplink");
    const facts = this.#readFacts(own, sameFacts);
    if (!facts.ok) {
      this.#tell([problemOf("kernel", "netlink", facts.error)]);
      return false;
    }
    for (const refusal of facts.value.refusals)
      problems.push(problemOf("next-hop", "underlay", refusal));
    this.#dropDeadLinks(facts.value, problems);
    this.#renew();
    const touched = this.#binder.bind({
      parts,
      changed,
      facts: facts.value,
      adjacencies: this.#adjacencies,
      peersBefore: entriesOf(datapath.applied, "peer"),
      traced,
      freshUntilNs: this.#freshUntilNs,
    });
    const ports = this.#binder.portsAmong(facts.value.linksByName.values());
    this.#preparePorts(ports, facts.value, problems);
    this.#keepHeadroom(ports, facts.value);
    const { tables, floods } = this.#binder;
    const applied = datapath.apply(tables, floods, this.#compareAll ? null : touched);
    this.#compareAll = !applied.ok;
    const took = applied.ok ? datapath.takeOver() : ok(null);
    if (!took.ok) problems.push(problemOf("programs", "datapath", took.error));
    if (!applied.ok) problems.push(problemOf("tables", "datapath", applied.error));
    else {
      this.#writes.set += applied.value.set;
      this.#writes.removed += applied.value.removed;
      this.#raisePorts(ports, facts.value, problems);
      this.#attachUplinks(own, facts.value, problems);
      this.#joinGroups(own, facts.value, problems);
      this.#keepIdleDevice(own, facts.value, problems);
      this.#releaseNextHops();
    }
    this.#releasePorts(ports, facts.value, problems);
    this.#settleDrift(0);
    this.#tell(problems);
    return true;
  }

  /** Compares the kernel's tables and pins with what we left; the next pass puts right what is not. */
  audit(): void {
    const { datapath } = this.#kernel;
    const read = datapath.read();
    const pins = datapath.repin();
    this.#auditProblems = [read, pins].flatMap((done) =>
      done.ok ? [] : problemOf("audit", "datapath", done.error),
    );
    const entries = (read.ok ? read.value : 0) + (pins.ok ? pins.value : 0);
    if (entries > 0) this.#settleDrift(entries);
    this.#compareAll = true;
  }

  #readFacts(own: readonly Row[], same: boolean): Result<HostFacts, NetlinkError> {
    const remotes = own.filter((row) => row.table === "peer").map((row) => row.remote);
    if (same && this.#facts && remotes.every((one) => this.#facts?.routesByRemote.has(one)))
      return ok(this.#facts);
    const uplinks = new Set(this.#uplinks.map((row) => row.interface));
    const before = this.#facts;
    const facts = readFacts(this.#kernel.netlink, { remotes, uplinks, before });
    this.#facts = facts.ok ? facts.value : null;
    return facts;
  }

  #renew(): void {
    const now = monotonicNs();
    const whole = BigInt(this.#freshMs) * 1_000_000n;
    if (this.#freshUntilNs - now < (whole * 2n) / 3n) this.#freshUntilNs = now + whole;
  }

  #dropDeadLinks(facts: HostFacts, problems: Problem[]): void {
    const links = [...facts.linksByName.values()];
    const present = new Set(links.map((link) => link.index));
    const lost = this.#kernel.datapath.dropDeadLinks(present);
    if (!lost.ok) {
      problems.push(problemOf("links", "datapath", lost.error));
      return;
    }
    for (const name of lost.value) this.#drifted.push(`link ${name}`);
    const attached = new Set(this.#kernel.datapath.attachedTo("port"));
    for (const ifindex of this.#prepared.keys())
      if (!attached.has(ifindex)) this.#prepared.delete(ifindex);
  }

  #preparePorts(ports: readonly PortRow[], facts: HostFacts, problems: Problem[]): void {
    for (const row of ports) {
      const link = facts.linksByName.get(row.interface);
      if (!link) continue;
      const before = this.#prepared.get(link.index);
      const quiet = isQuiet(link, row.mtu);
      if (before && quiet) continue;
      if (before?.mtu === row.mtu) this.#drifted.push(`settings of ${link.name}`);
      const done = preparePort(this.#kernel, link, row.mtu);
      const raised = before?.raised ?? false;
      if (done.ok) this.#prepared.set(link.index, { mtu: row.mtu, raised });
      else problems.push(portProblem(row, done.error));
    }
  }

  /** Without it everything works, slower: what fails is told once, and is no problem. */
  #keepHeadroom(ports: readonly PortRow[], { linksByName }: HostFacts): void {
    const { netlink } = this.#kernel;
    const present = ports.flatMap((row) => linksByName.get(row.interface) ?? []);
    if (present.length === 0) return;
    if (
      this.#headroom !== null &&
      ![...linksByName.values()].some((link) => link.index === this.#headroom)
    )
      this.#drifted.push("the headroom bridge was gone");
    const bridge = prepareHeadroom(netlink, linksByName);
    this.#headroom = bridge.ok ? bridge.value.index : null;
    const done = bridge.ok
      ? present.map((link) => lendHeadroom(netlink, link, bridge.value))
      : [bridge];
    const refusal = done.find((one) => !one.ok)?.error;
    const told = refusal?.detail ?? null;
    if (refusal && told !== this.#headroomRefusal)
      log("warning", "ports go without headroom for outer headers", { ...refusal });
    this.#headroomRefusal = told;
  }

  #raisePorts(ports: readonly PortRow[], facts: HostFacts, problems: Problem[]): void {
    for (const row of ports) {
      const link = facts.linksByName.get(row.interface);
      const prepared = link && this.#prepared.get(link.index);
      if (!prepared) continue;
      if (prepared.raised && !link.up) this.#drifted.push(`${link.name} was down`);
      const done = raisePort(this.#kernel, link);
      if (done.ok) this.#prepared.set(link.index, { ...prepared, raised: true });
      else problems.push(portProblem(row, done.error));
    }
  }

  #releasePorts(ports: readonly PortRow[], facts: HostFacts, problems: Problem[]): void {
    const wanted = new Set(
      ports.flatMap((row) => facts.linksByName.get(row.interface)?.index ?? []),
    );
    for (const ifindex of this.#kernel.datapath.attachedTo("port")) {
      if (wanted.has(ifindex)) continue;
      const done = releasePort(this.#kernel, ifindex);
      const link = [...facts.linksByName.values()].find((l) => l.index === ifindex);
      const left =
        done.ok && link ? takeHeadroom(this.#kernel.netlink, link, facts.linksByName) : done;
      if (left.ok) this.#prepared.delete(ifindex);
      else problems.push(problemOf("port", `interface ${ifindex}`, left.error));
    }
  }

  /** Last of all, when every table is filled. */
  #attachUplinks(rows: readonly Row[], facts: HostFacts, problems: Problem[]): void {
    const { datapath } = this.#kernel;
    const wanted = new Set<number>();
    for (const row of rows) {
      if (row.table !== "uplink") continue;
      const link = facts.linksByName.get(row.interface);
      const problem = uplinkProblem(row, link ?? null);
      if (problem) problems.push(problem);
      if (!link) continue;
      wanted.add(link.index);
      const done = datapath.attach("uplink", link.index);
      if (!done.ok) problems.push(problemOf("uplink", row.interface, done.error));
    }
    for (const ifindex of datapath.attachedTo("uplink"))
      if (!wanted.has(ifindex)) datapath.detach("uplink", ifindex);
  }

  /** When the tables know what to make of what will arrive. */
  #joinGroups(rows: readonly Row[], facts: HostFacts, problems: Problem[]): void {
    const wanted = rows.flatMap((row): readonly Membership[] => {
      const link = row.table === "multicast" && facts.linksByName.get(row.interface);
      return link ? [{ index: link.index, group: row.group }] : [];
    });
    // Without groups, before and now, there is nothing to read every address of the host for.
    if (wanted.length === 0 && this.#isInNoGroup) return;
    const done = applyMemberships(this.#kernel.netlink, wanted);
    this.#isInNoGroup = done.ok && wanted.length === 0;
    if (!done.ok) problems.push(problemOf("groups", "underlay", done.error));
  }

  #keepIdleDevice(rows: readonly Row[], facts: HostFacts, problems: Problem[]): void {
    const settings = rows.find((row) => row.table === "settings");
    if (!settings) return;
    const links = [...facts.linksByName.values()];
    if (this.#idle?.at === "occupied" && monotonicMs() < this.#idleAgainMs) return;
    if (this.#idle?.at === "ready") this.#compareIdleDevice(this.#idle.ifindex, links);
    const shared = rows.some((row) => row.table === "vtep" && row.shared);
    const idle = prepareIdleDevice(this.#kernel, settings.vxlanPort, links, shared);
    if (!idle.ok) {
      problems.push(problemOf("idle-device", `UDP port ${settings.vxlanPort}`, idle.error));
      return;
    }
    this.#idle = idle.value;
    if (idle.value.at === "occupied") this.#idleAgainMs = monotonicMs() + OCCUPIED_MS;
  }

  #compareIdleDevice(ifindex: number, links: readonly Link[]): void {
    const link = links.find((l) => l.index === ifindex);
    if (!link) this.#drifted.push("the idle device was gone");
    else if (!link.up) this.#drifted.push("the idle device was down");
  }

  /** Next hops that no peer has any more: the kernel need not keep them resolved. */
  #releaseNextHops(): void {
    const { netlink, datapath } = this.#kernel;
    const inUse = entriesOf(datapath.applied, "adjacency");
    for (const { oif, address } of this.#adjacencies.retain(inUse)) {
      const ip = parseIp(address);
      const done: Result<unknown, DeviceError> = ip
        ? unmanageNeighbour(netlink, oif, ip)
        : ok(null);
      if (!done.ok) log("warning", "a next hop is not let go", { ...done.error });
    }
  }

  #settleDrift(entries: number): void {
    const found = entries + this.#drifted.length;
    if (found === 0) return;
    this.#drift = {
      entries: this.#drift.entries + found,
      repairs: this.#drift.repairs + 1,
      lastAt: timestamp(),
    };
    log("warning", "the kernel is not what we left", { entries, devices: this.#drifted });
    this.#drifted = [];
  }

  #tell(problems: readonly Problem[]): void {
    const before = new Set(this.#problems.map((p) => p.message));
    for (const problem of problems)
      if (!before.has(problem.message)) log("error", problem.message, { ...problem });
    this.#problems = problems;
  }
}

const portProblem = (row: PortRow, error: DeviceError): Problem =>
  problemOf("port", `${row.tenant}/${row.name}`, error);
