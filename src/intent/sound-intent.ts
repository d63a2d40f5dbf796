/**
 * An intent without errors, with what must be true of the whole at hand, so that a change of some networks and ports
 * is checked without the others: the same passes over the part, and the sums and names that a part cannot see. It
 * says only whether all is well; what is wrong, the passes over the whole say.
 */

import { compareText } from "../base/text.ts";
import { analysisOf } from "./compile.ts";
import type { Finding, Intent, Port, Router } from "./intent.ts";
import type { IntentChange } from "./load.ts";
import { numberedOf, numberNameOf, numberOf } from "./numbers.ts";
import { checkAddresses } from "./passes/addresses.ts";
import { checkGroups } from "./passes/groups.ts";
import { addEntries, beyond, checkReplicas, type Entries } from "./passes/limits.ts";
import type { Overlay } from "./passes/locals.ts";
import { checkNames, networkKeyOf } from "./passes/names.ts";
import { checkNumbers } from "./passes/numbers.ts";
import { compileSegments, type Segment } from "./passes/segments.ts";
import { checkSupport } from "./passes/support.ts";
import { countErrors, sortFindings } from "./report.ts";
import { routersByNetworkOf } from "./routers.ts";

export class SoundIntent {
  #intent: Intent;
  /** None is an error. */
  #findings: readonly Finding[];
  readonly #segments: Map<string, Segment>;
  readonly #vrfs: Overlay["vrfs"];
  readonly #entriesByHost: Map<string, Entries>;
  readonly #portsByNetwork: Map<string, ReadonlyMap<string, Port>>;
  readonly #routersByNetwork: ReadonlyMap<string, Router>;
  /** Who has what only one may have: networks and routers by number, and networks by "host interface" of their ports. */
  readonly #namesByNumber = new Map<number, string>();
  readonly #networksByInterface = new Map<string, string>();

  /** `intent` has no errors. */
  constructor(intent: Intent) {
    const { findings, overlay, entriesByHost } = analysisOf(intent);
    this.#intent = intent;
    this.#findings = findings;
    this.#segments = new Map(overlay.segments);
    this.#vrfs = overlay.vrfs;
    this.#routersByNetwork = routersByNetworkOf(intent);
    this.#entriesByHost = new Map([...entriesByHost].map(([host, some]) => [host, { ...some }]));
    this.#portsByNetwork = new Map();
    for (const [network, ports] of Map.groupBy(intent.ports.values(), networkKeyOf))
      this.#portsByNetwork.set(network, new Map(ports.map((port) => [port.key, port])));
    for (const one of numberedOf(intent)) {
      const number = numberOf(intent, one);
      if (number !== null) this.#namesByNumber.set(number, numberNameOf(one));
    }
    for (const port of intent.ports.values())
      this.#networksByInterface.set(interfaceOf(port), networkKeyOf(port));
  }

  get findings(): readonly Finding[] {
    return this.#findings;
  }

  /** It changes with the next call of `change`. */
  get overlay(): Overlay {
    return { segments: this.#segments, vrfs: this.#vrfs };
  }

  /**
   * Makes it `intent`, which differs by `change`; the keys of the networks whose segments are to be looked at again.
   * Null if that is not sound, or cannot be told from the part: this object is then of no use any more.
   */
  change(intent: Intent, change: IntentChange): ReadonlySet<string> | null {
    const before = this.#intent;
    this.#intent = intent;
    const networks = this.#movePorts(before, intent, change);
    // Groups that networks share are told from all of them.
    if ([before, intent].some((one) => floodByGroup(one, networks))) return null;
    // So are the ways of a router, from all of its networks.
    if ([...networks].some((key) => this.#routersByNetwork.has(key))) return null;
    const part = this.#partOf(intent, networks);
    if (!this.#claim(before, part, networks)) return null;
    const checks = [checkNames, checkSupport, checkNumbers, checkAddresses, checkGroups];
    const { segments, findings: joined } = compileSegments(part);
    const findings = [
      ...checks.flatMap((check) => check(part)),
      ...joined,
      ...segments.flatMap(checkReplicas),
    ];
    if (countErrors(findings) > 0 || !this.#moveSegments(segments, networks)) return null;
    this.#findings = sortFindings([
      ...this.#findings.filter((finding) => !isAbout(finding, before, networks)),
      ...findings.filter((finding) => isAbout(finding, part, networks)),
    ]);
    return networks;
  }

  /** Networks that changed, or that lost, got or have a changed port. */
  #movePorts(before: Intent, intent: Intent, change: IntentChange): ReadonlySet<string> {
    const networks = new Set(change.networks);
    const fresh = new Map<string, Map<string, Port>>();
    const portsOf = (network: string): Map<string, Port> => {
      networks.add(network);
      const ports = fresh.get(network) ?? new Map(this.#portsByNetwork.get(network));
      fresh.set(network, ports);
      return ports;
    };
    for (const key of change.ports) {
      const [was, is] = [before.ports.get(key), intent.ports.get(key)];
      if (was) portsOf(networkKeyOf(was)).delete(key);
      if (is) portsOf(networkKeyOf(is)).set(key, is);
    }
    for (const [network, ports] of fresh)
      if (ports.size > 0) this.#portsByNetwork.set(network, ports);
      else this.#portsByNetwork.delete(network);
    return networks;
  }

  /** `intent` with these networks only, none of which has a router, and all of their ports. */
  #partOf(intent: Intent, networks: ReadonlySet<string>): Intent {
    const declared = [...networks].flatMap((key) => intent.networks.get(key) ?? []);
    const ports = [...networks].flatMap((key) => [
      ...(this.#portsByNetwork.get(key)?.values() ?? []),
    ]);
    return { ...intent, networks: inOrder(declared), ports: inOrder(ports), routers: new Map() };
  }

  /** Gives the networks what only one may have; false if another has it. */
  #claim(before: Intent, part: Intent, networks: ReadonlySet<string>): boolean {
    for (const key of networks) {
      const network = before.networks.get(key);
      const number = network && numberOf(before, network);
      if (number !== undefined && number !== null) this.#namesByNumber.delete(number);
    }
    for (const segment of [...networks].flatMap((key) => this.#segments.get(key) ?? []))
      for (const { ports } of segment.membersByHost.values())
        for (const port of ports) this.#networksByInterface.delete(interfaceOf(port));
    for (const network of part.networks.values()) {
      const number = numberOf(part, network);
      if (number === null || this.#namesByNumber.has(number)) return false;
      this.#namesByNumber.set(number, network.key);
    }
    for (const port of part.ports.values()) {
      const key = interfaceOf(port);
      if (this.#networksByInterface.has(key)) return false;
      this.#networksByInterface.set(key, networkKeyOf(port));
    }
    return true;
  }

  /** False if a host would hold more than it can, or that is not known without the rest. */
  #moveSegments(segments: readonly Segment[], networks: ReadonlySet<string>): boolean {
    const concerned = new Set<string>();
    const add = (segment: Segment, sign: 1 | -1): void => {
      for (const host of segment.membersByHost.keys()) {
        const entries = this.#entriesByHost.get(host);
        if (!entries) continue; // not managed
        concerned.add(host);
        addEntries(entries, host, segment, sign);
      }
    };
    for (const key of networks) {
      const segment = this.#segments.get(key);
      if (segment) add(segment, -1);
      this.#segments.delete(key);
    }
    for (const segment of segments) {
      add(segment, 1);
      this.#segments.set(segment.network.key, segment);
    }
    // Peers are not counted here: all addresses of all hosts are the most that there can be.
    const hosts = [...this.#intent.hosts.values()];
    const peers = hosts.reduce((sum, { spec }) => sum + spec.vteps.length, 0);
    return [...concerned].every((host) => {
      const entries = this.#entriesByHost.get(host);
      return entries !== undefined && beyond({ ...entries, peers }).length === 0;
    });
  }
}

/** A port without an interface, on a host that is not managed, is in nobody's way. */
const interfaceOf = (port: Port): string =>
  port.spec.interface === undefined
    ? `port ${port.key}`
    : `host ${port.spec.host} ${port.spec.interface}`;

function inOrder<Value extends { readonly key: string }>(
  values: readonly Value[],
): ReadonlyMap<string, Value> {
  const sorted = values.toSorted((a, b) => compareText(a.key, b.key));
  return new Map(sorted.map((value) => [value.key, value]));
}

/** Whether a finding is about one of `networks`, or about one of their ports. */
function isAbout({ object }: Finding, intent: Intent, networks: ReadonlySet<string>): boolean {
  if (!object || object.tenant === null) return false;
  const key = `${object.tenant}/${object.name}`;
  if (object.kind === "Network") return networks.has(key);
  if (object.kind !== "Port") return false;
  const port = intent.ports.get(key);
  return port !== undefined && networks.has(networkKeyOf(port));
}

const floodByGroup = (intent: Intent, networks: ReadonlySet<string>): boolean =>
  [...networks].some((key) => intent.networks.get(key)?.spec.bum === "multicast");
