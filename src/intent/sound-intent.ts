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
import { addEntries, addVrfEntries, beyond, checkReplicas, type Entries } from "./passes/limits.ts";
import { type Overlay, visitorsOf } from "./passes/locals.ts";
import { reservedMacsOf } from "./passes/macs.ts";
import { checkNames, networkKeyOf } from "./passes/names.ts";
import { checkNumbers } from "./passes/numbers.ts";
import { checkReachOf } from "./passes/reach.ts";
import { addressesIn, compileSegments, type Segment } from "./passes/segments.ts";
import { checkSupport } from "./passes/support.ts";
import { compileVrf, type Vrf } from "./passes/vrfs.ts";
import { countErrors, sortFindings } from "./report.ts";
import { networkKeysOf, routersByNetworkOf } from "./routers.ts";

export class SoundIntent {
  #intent: Intent;
  /** None is an error. */
  #findings: readonly Finding[];
  readonly #segments: Map<string, Segment>;
  readonly #vrfs: Map<string, Vrf>;
  readonly #entriesByHost: Map<string, Entries>;
  readonly #portsByNetwork: Map<string, ReadonlyMap<string, Port>>;
  readonly #routersByNetwork: ReadonlyMap<string, Router>;
  /** Of gateways and routers. */
  readonly #reservedMacs: ReadonlyMap<string, string>;
  /** Who has what only one may have: networks and routers by number, and networks by "host interface" of their ports. */
  readonly #namesByNumber = new Map<number, string>();
  readonly #networksByInterface = new Map<string, string>();

  /** `intent` has no errors. */
  constructor(intent: Intent) {
    const { findings, overlay, entriesByHost } = analysisOf(intent);
    this.#intent = intent;
    this.#findings = findings;
    this.#segments = new Map(overlay.segments);
    this.#vrfs = new Map(overlay.vrfs);
    this.#routersByNetwork = routersByNetworkOf(intent);
    this.#reservedMacs = reservedMacsOf(intent);
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
    if (this.#isOtherwiseRouted(before, intent, change)) return null;
    if (this.#isNextHop(before, change) || this.#isNextHop(intent, change)) return null;
    const part = this.#partOf(intent, networks);
    if (!this.#claim(before, part, networks)) return null;
    const checks = [checkNames, checkSupport, checkNumbers, checkAddresses, checkGroups];
    const { segments, findings: joined } = compileSegments(part);
    const findings = [
      ...checks.flatMap((check) => check(part)),
      ...joined,
      ...segments.flatMap(checkReplicas),
    ];
    if (countErrors(findings) > 0) return null;
    const concerned = this.#moveSegments(segments, networks);
    if (!this.#moveVrfs(intent, networks, concerned) || !this.#fit(concerned)) return null;
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

  /** Whether a router says something else than before, or one of its networks does. */
  #isOtherwiseRouted(before: Intent, intent: Intent, change: IntentChange): boolean {
    const differs = (of: "networks" | "routers", key: string): boolean =>
      before[of].get(key)?.spec !== intent[of].get(key)?.spec;
    if ([...change.routers].some((key) => differs("routers", key))) return true;
    // What was found of a router stands where that stood.
    const told = this.#findings.some(({ object }) => object?.kind === "Router");
    if (change.routers.size > 0 && told) return true;
    const routed = [...change.networks].filter((key) => this.#routersByNetwork.has(key));
    return routed.some((key) => differs("networks", key));
  }

  /** Whether routes lead through one of the changed ports. */
  #isNextHop(intent: Intent, { ports }: IntentChange): boolean {
    return [...ports].some((key) => {
      const port = intent.ports.get(key);
      const router = port && this.#routersByNetwork.get(networkKeyOf(port));
      return router?.spec.routes.some(({ via }) => via && port?.spec.addresses.includes(via));
    });
  }

  /** `intent` with these networks only, and all of their ports; of their routers, what concerns them. */
  #partOf(intent: Intent, networks: ReadonlySet<string>): Intent {
    const declared = [...networks].flatMap((key) => intent.networks.get(key) ?? []);
    const ports = [...networks].flatMap((key) => [
      ...(this.#portsByNetwork.get(key)?.values() ?? []),
    ]);
    const routers = this.#routersOf(networks).map((router) => {
      const own = networkKeysOf(router).filter((key) => networks.has(key));
      return { ...router, spec: { ...router.spec, networks: own, routes: [], export: [] } };
    });
    return {
      ...intent,
      networks: inOrder(declared),
      ports: inOrder(ports),
      routers: inOrder(routers),
    };
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
      if (this.#networksByInterface.has(key) || this.#reservedMacs.has(port.spec.mac)) return false;
      this.#networksByInterface.set(key, networkKeyOf(port));
    }
    return true;
  }

  #routersOf(networks: ReadonlySet<string>): readonly Router[] {
    const routers = [...networks].flatMap((key) => this.#routersByNetwork.get(key) ?? []);
    return [...new Set(routers)];
  }

  /** The hosts that have anything to do with them. */
  #moveSegments(segments: readonly Segment[], networks: ReadonlySet<string>): Set<string> {
    const concerned = new Set<string>();
    const add = (segment: Segment, sign: 1 | -1): void => {
      const isRouted = this.#routersByNetwork.has(segment.network.key);
      for (const host of segment.membersByHost.keys()) {
        const entries = this.#entriesByHost.get(host);
        if (!entries) continue; // not managed
        concerned.add(host);
        addEntries(entries, host, segment, sign);
        if (!isRouted) entries.addresses += sign * addressesIn(segment);
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
    return concerned;
  }

  /** Adds to the hosts that are `concerned`. False if others take part in a router now, or it does not reach all of them. */
  #moveVrfs(intent: Intent, networks: ReadonlySet<string>, concerned: Set<string>): boolean {
    const moved = this.#routersOf(networks).flatMap(({ key }) => this.#vrfs.get(key) ?? []);
    const keys = new Set(moved.flatMap(({ router, importers }) => [router.key, ...importers]));
    this.#addVrfs(keys, concerned, -1);
    for (const before of moved) {
      const { key } = before.router;
      // It was found wanting before, or is now: the whole says in what.
      const isDoubtful = this.#findings.some(
        ({ code, object }) => code === "gateway-unserved" && routerKeyOf(object) === key,
      );
      const { imports } = before;
      const router = intent.routers.get(key) ?? before.router;
      const after = compileVrf(intent, router, { segments: this.#segments, imports });
      if (isDoubtful || !after || !sameKeys(before.hosts, after.hosts)) return false;
      this.#vrfs.set(key, after);
    }
    this.#addVrfs(keys, concerned, 1);
    return moved.every(({ router }) => {
      const vrf = this.#vrfs.get(router.key);
      return vrf !== undefined && checkReachOf(vrf, this.#vrfs).length === 0;
    });
  }

  #addVrfs(keys: ReadonlySet<string>, concerned: Set<string>, sign: 1 | -1): void {
    const vrfs = this.#vrfs;
    for (const vrf of [...keys].flatMap((key) => vrfs.get(key) ?? []))
      for (const host of visitorsOf(vrf, vrfs)) {
        const entries = this.#entriesByHost.get(host.key);
        if (!entries) continue;
        concerned.add(host.key);
        addVrfEntries(entries, host, { vrf, vrfs }, sign);
      }
  }

  /** Whether none of these hosts would hold more than it can. */
  #fit(hosts: ReadonlySet<string>): boolean {
    // Peers are not counted here: all addresses of all hosts are the most that there can be.
    const all = [...this.#intent.hosts.values()];
    const peers = all.reduce((sum, { spec }) => sum + spec.vteps.length, 0);
    return [...hosts].every((host) => {
      const entries = this.#entriesByHost.get(host);
      return entries !== undefined && beyond({ ...entries, peers }).length === 0;
    });
  }
}

const routerKeyOf = (object: Finding["object"]): string | null =>
  object?.kind === "Router" ? `${object.tenant}/${object.name}` : null;

const sameKeys = (a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): boolean =>
  a.size === b.size && [...a.keys()].every((key) => b.has(key));

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
