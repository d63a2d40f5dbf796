/** Which probes a matrix consists of, and what the rows say of each. */
import type { IpAddress } from "../base/ip.ts";
import { parseIp } from "../base/ip.ts";
import { formatMac, parseMac } from "../base/mac.ts";
import { invariant } from "../base/result.ts";
import type { VerdictName } from "../rows/abi.generated.ts";
import { expectedVerdicts, type HostTables } from "../verify/expected-verdict.ts";
import type { Intended, Protocol } from "../verify/judgement.ts";
import type { Forgery, UnderlayHost } from "./forgery.ts";
import { destinationOf, type Station } from "./frame.ts";

/** A port that is built, and on the network that the intent gives it now. */
export interface ProbePort extends Station {
  /** "tenant/name". */
  readonly port: string;
  /** "tenant/network". */
  readonly network: string;
  readonly host: string;
  /** Has an agent that can say what became of a frame. */
  readonly managed: boolean;
  readonly namespace: string;
  readonly interface: string;
}

export interface Probe {
  readonly from: ProbePort;
  readonly to: ProbePort;
  readonly protocol: Protocol;
  readonly intended: Intended;
  /** None where the source has no datapath of ours. */
  readonly expected: readonly VerdictName[];
  /** Sent beside the probe; null where the source's host is a member of the target's network, and may send there. */
  readonly forgery: Forgery | null;
  /** Sent only so that others have their control: not asked for. */
  readonly silent: boolean;
}

export interface Wanted {
  readonly protocols: readonly Protocol[];
  /** "tenant/name"; null: all. */
  readonly from: string | null;
  readonly to: string | null;
}

export interface Ground {
  readonly ports: readonly ProbePort[];
  /** Of managed hosts. */
  readonly tablesByHost: ReadonlyMap<string, HostTables>;
  readonly underlay: ReadonlyMap<string, UnderlayHost>;
  readonly vxlanPort: number;
}

/**
 * Every ordered pair that is wanted, once a protocol. From a foreign host only allowed pairs: there, nobody
 * could say that a probe was sent.
 */
export function planProbes(ground: Ground, wanted: Wanted): readonly Probe[] {
  const { ports } = ground;
  const out: Probe[] = [];
  const targets = ports.filter((p: ProbePort) => wanted.to === null || p.port === wanted.to);
  for (const protocol of wanted.protocols)
    for (const from of ports)
      for (const to of targets) {
        if (from.port === to.port) continue;
        const intended: Intended = from.network === to.network ? "allow" : "deny";
        const silent = wanted.from !== null && from.port !== wanted.from;
        // What nobody asked for is worth sending only where it can arrive.
        if (intended === "deny" && (silent || !from.managed)) continue;
        const expected = expectedOf(ground, from, to, protocol);
        const forgery = forgeryOf(ground, from, to);
        out.push({ from, to, protocol, intended, expected, forgery, silent });
      }
  return out;
}

function expectedOf(
  { tablesByHost }: Ground,
  from: ProbePort,
  to: ProbePort,
  protocol: Protocol,
): readonly VerdictName[] {
  const tables = tablesByHost.get(from.host);
  if (!from.managed || tables === undefined) return [];
  return expectedVerdicts(tables, from.port, formatMac(destinationOf(protocol, from, to)));
}

function forgeryOf(ground: Ground, source: ProbePort, target: ProbePort): Forgery | null {
  const { ports, tablesByHost, underlay, vxlanPort } = ground;
  const isMember = ports.some(
    (p: ProbePort) => p.host === source.host && p.network === target.network,
  );
  const tables = tablesByHost.get(target.host);
  const row = tables?.portsByName.get(target.port);
  const tunnel = row && tables?.tunnelByNetwork.get(row.network);
  const [from, to] = [underlay.get(source.host), underlay.get(target.host)];
  return isMember || !tunnel || !from || !to ? null : { from, to, tunnel, vxlanPort };
}

export function stationOf(mac: string, addresses: readonly string[]): Station {
  const octets = parseMac(mac);
  invariant(octets !== null, `${mac} is no MAC address`);
  return {
    mac: octets,
    addresses: addresses.map((text: string): IpAddress => {
      const address = parseIp(text);
      invariant(address !== null, `${text} is no address`);
      return address;
    }),
  };
}
