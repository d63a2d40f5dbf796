/** Which probes a matrix consists of, and what the rows say of each. */
import { formatIp, type IpAddress, type IpFamily, parseIp } from "../base/ip.ts";
import { formatMac, parseMac } from "../base/mac.ts";
import { invariant } from "../base/result.ts";
import type { VerdictName } from "../rows/abi.generated.ts";
import { expectedVerdicts, type HostTables } from "../verify/expected-verdict.ts";
import type { Intended, Protocol } from "../verify/judgement.ts";
import type { Forgery, UnderlayHost } from "./forgery.ts";
import { addressOf, destinationOf, type Station, type Via } from "./frame.ts";
import { type Attachment, isLeaked, type Leak } from "./routes.ts";

/** A port that is built, and on the network that the intent gives it now. */
export interface ProbePort extends Station, Attachment {
  /** "tenant/name". */
  readonly port: string;
  readonly host: string;
  /** Has an agent that can say what became of a frame. */
  readonly managed: boolean;
  readonly namespace: string;
  readonly interface: string;
}

/** One frame of a probe. */
export interface Attempt {
  readonly via: Via | null;
  /** None where the source has no datapath of ours. */
  readonly expected: readonly VerdictName[];
}

export interface Probe {
  readonly from: ProbePort;
  readonly to: ProbePort;
  readonly protocol: Protocol;
  readonly intended: Intended;
  /** Allowed: the one that must arrive. Denied: every way in which it could be tried; none may arrive. */
  readonly attempts: readonly Attempt[];
  /** Sent beside, past the source's guards: none where the source's host has a part in the target's network or router. */
  readonly forgeries: readonly Forgery[];
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
  readonly leaks: readonly Leak[];
  /** By router: who routes for all of it. */
  readonly gatewayHosts: ReadonlyMap<string, string>;
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
        const { intended, ways } = waysBetween(ground, from, to, protocol);
        const silent = wanted.from !== null && from.port !== wanted.from;
        // What nobody asked for is worth sending only where it can arrive.
        if (intended === "deny" && (silent || !from.managed)) continue;
        const attempts = ways.map(
          (via: Via | null): Attempt => ({
            via,
            expected: expectedOf(ground, { protocol, from, to, via }),
          }),
        );
        const forgeries = forgeriesOf(ground, from, to, protocol);
        out.push({ from, to, protocol, intended, attempts, forgeries, silent });
      }
  return out;
}

const FAMILIES: readonly IpFamily[] = ["ipv4", "ipv6"];

/** Inside a network a frame goes to the target itself, between networks of a router through the gateway; what is denied, both ways. */
function waysBetween(
  ground: Ground,
  from: ProbePort,
  to: ProbePort,
  protocol: Protocol,
): { readonly intended: Intended; readonly ways: readonly (Via | null)[] } {
  if (from.network === to.network) return { intended: "allow", ways: [null] };
  const mac = gatewayMacOf(ground);
  // An announcement is for the sender's own network, wherever its router leads.
  if (protocol === "arp" || mac === null) return { intended: "deny", ways: [null] };
  const families = FAMILIES.filter(
    (family: IpFamily) =>
      from.gatewayFamilies.includes(family) && addressOf(from, family) && addressOf(to, family),
  );
  const open = families.find((family: IpFamily) => isRouted(ground, from, to, family));
  if (open !== undefined) return { intended: "allow", ways: [{ mac, family: open }] };
  return {
    intended: "deny",
    ways: [null, ...families.slice(0, 1).map((family: IpFamily): Via => ({ mac, family }))],
  };
}

function isRouted(ground: Ground, from: ProbePort, to: ProbePort, family: IpFamily): boolean {
  if (from.router === null || to.router === null) return false;
  const octets = addressOf(to, family);
  return (
    from.router === to.router ||
    (octets !== null && isLeaked(ground.leaks, from.router, to.router, { family, octets }))
  );
}

/** One MAC in the whole fabric; null: nothing is routed. */
function gatewayMacOf({ tablesByHost }: Ground): Uint8Array | null {
  for (const { gatewayMac } of tablesByHost.values())
    if (gatewayMac !== null) return parseMac(gatewayMac);
  return null;
}

function expectedOf(
  { tablesByHost }: Ground,
  probe: Pick<Probe, "protocol" | "from" | "to"> & Pick<Attempt, "via">,
): readonly VerdictName[] {
  const { from, to, via } = probe;
  const tables = tablesByHost.get(from.host);
  if (!from.managed || tables === undefined) return [];
  const octets = via && addressOf(to, via.family);
  return expectedVerdicts(tables, from.port, {
    destinationMac: formatMac(destinationOf(probe)),
    destination: octets && formatIp({ octets }),
  });
}

function forgeriesOf(
  ground: Ground,
  source: ProbePort,
  target: ProbePort,
  protocol: Protocol,
): readonly Forgery[] {
  const { tablesByHost, underlay, vxlanPort } = ground;
  const tables = tablesByHost.get(target.host);
  const attach = tables?.attachByPort.get(tables.portsByName.get(target.port)?.port ?? 0);
  const [from, to] = [underlay.get(source.host), underlay.get(target.host)];
  if (!tables || !attach || !from || !to || mayEncapsulate(ground, source.host, target)) return [];
  const out: Forgery[] = [];
  const network = tables.tunnelByNetwork.get(attach.network);
  if (network) out.push({ from, to, tunnel: network, via: null, vxlanPort });
  const router = tables.tunnelByNetwork.get(attach.space);
  const mac = parseMac(tables.routerMac ?? "");
  const family = FAMILIES.find((f: IpFamily) => addressOf(source, f) && addressOf(target, f));
  if (router?.isRouter && mac && family && protocol !== "arp")
    out.push({ from, to, tunnel: router, via: { mac, family }, vxlanPort });
  return out;
}

/** Whether tunnel packets of `host` for the target are as intended: on its network, from its router, or one that it is leaked to. */
function mayEncapsulate(ground: Ground, host: string, target: ProbePort): boolean {
  const importers = ground.leaks
    .filter(({ from }: Leak) => from === target.router)
    .map(({ to }: Leak) => to);
  const routers = target.router === null ? [] : [target.router, ...importers];
  return (
    routers.some((router: string) => ground.gatewayHosts.get(router) === host) ||
    ground.ports.some(
      ({ host: at, network, router }: ProbePort) =>
        at === host &&
        (network === target.network || (router !== null && routers.includes(router))),
    )
  );
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
