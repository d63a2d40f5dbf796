/**
 * A host's rows as the endpoints see them: the ground on which addresses are discovered, the way to each, and the names
 * by which they are listed.
 */
import { contains, type IpPrefix, parseIp, parsePrefix } from "../base/ip.ts";
import { formatMac } from "../base/mac.ts";
import { compareText } from "../base/text.ts";
import {
  type Ground,
  type GroundNetwork,
  type Known,
  keyOf,
  LIFE_MS,
  placeText,
} from "../endpoints/directory.ts";
import type { Claim, Place } from "../endpoints/endpoint.ts";
import { timestampOfMonotonic } from "../io/clock.ts";
import { ROUTE_FLAG, TARGET_KIND } from "../rows/abi.generated.ts";
import { integerOf, octetsOf } from "../rows/pack.ts";
import type { AttachRow, HostRow, PortRow, Row, VniInRow } from "../rows/rows.ts";

/** Fields of a row that leads to an endpoint. */
interface Way {
  readonly network: number;
  readonly kind: number;
  readonly target: number;
  readonly mtu: number;
  readonly flags: number;
}

/** A line of `weft endpoints`. */
export interface ListedEndpoint {
  readonly host: string;
  readonly tenant: string | null;
  readonly network: string | null;
  /** The network's number. */
  readonly vni: number;
  /** Null: of another host, or of nobody that is known. */
  readonly port: string | null;
  readonly mac: string | null;
  readonly address: string;
  readonly state: "declared" | "discovered" | "silent";
  /** The host where it is; null: nobody has answered. */
  readonly where: string | null;
  readonly since: string | null;
  readonly lastSeen: string | null;
  readonly expires: string | null;
  readonly moves: number;
}

export class EndpointRows {
  readonly ground: Ground;
  readonly routerMac: string | null;
  readonly #ports = new Map<number, PortRow>();
  readonly #attached = new Map<number, AttachRow>();
  readonly #arrivals = new Map<number, VniInRow>();
  readonly #declared: readonly HostRow[];
  /** Seconds by network. */
  readonly #ages = new Map<number, number>();
  /** Host by peer, peer by group, group by "peer number". */
  readonly #hostsByPeer = new Map<number, string>();
  readonly #peersByGroup = new Map<number, number>();
  readonly #groups = new Map<string, number>();

  constructor(rows: readonly Row[]) {
    const subnets: { space: number; network: number; prefix: IpPrefix }[] = [];
    const declared: HostRow[] = [];
    let routerMac: string | null = null;
    for (const row of rows) {
      if (row.table === "settings") ({ routerMac } = row);
      else if (row.table === "port") this.#ports.set(row.port, row);
      else if (row.table === "attach") this.#attached.set(row.port, row);
      else if (row.table === "vni_in") this.#arrivals.set(row.network, row);
      else if (row.table === "host") declared.push(row);
      else if (row.table === "peer") this.#hostsByPeer.set(row.peer, row.host);
      else if (row.table === "discovery") this.#ages.set(row.network, row.ageSeconds);
      else if (row.table === "group") {
        const [first] = row.members;
        if (!first) continue;
        this.#peersByGroup.set(row.group, first.peer);
        this.#groups.set(`${first.peer} ${first.vni}`, row.group);
      } else if (row.table === "route" && row.kind === "glean") {
        const prefix = parsePrefix(row.prefix);
        if (prefix) subnets.push({ space: row.space, network: row.network, prefix });
      }
    }
    this.routerMac = routerMac;
    this.#declared = declared;
    this.ground = {
      declared: new Set(declared.map(keyOf)),
      networks: this.#networks(Map.groupBy(subnets, ({ network }) => network)),
      places: new Set([
        ...[...this.#ports.keys()].map((id) => placeText({ kind: "port", id })),
        ...[...this.#peersByGroup.keys()].map((id) => placeText({ kind: "group", id })),
      ]),
    };
  }

  #networks(
    subnets: ReadonlyMap<number, readonly { readonly prefix: IpPrefix }[]>,
  ): ReadonlyMap<number, GroundNetwork> {
    const networks = new Map<number, GroundNetwork>();
    for (const { network, space, isRouter } of this.#arrivals.values()) {
      const age = this.#ages.get(network);
      if (!isRouter)
        networks.set(network, {
          space,
          subnets: (subnets.get(network) ?? []).map(({ prefix }) => prefix),
          lifeMs: age === undefined ? LIFE_MS : 1000 * age,
        });
    }
    return networks;
  }

  port(port: number): AttachRow | null {
    return this.#attached.get(port) ?? null;
  }

  /** Next-hop group to a peer under a network's or a router's number; null: nothing is sent to him there. */
  groupTo(peer: number, network: number): number | null {
    return this.#groups.get(`${peer} ${network}`) ?? null;
  }

  lifeMsOf(network: number): number {
    return this.ground.networks.get(network)?.lifeMs ?? LIFE_MS;
  }

  /** The network of a space that an address is of; null: none of this host's. */
  networkOf(space: number, address: string): number | null {
    const ip = parseIp(address);
    if (!ip) return null;
    for (const [network, ground] of this.ground.networks)
      if (ground.space === space && ground.subnets.some((subnet) => contains(subnet, ip)))
        return network;
    return null;
  }

  /** The row by which packets reach it; null: there is no way any more. */
  wayTo({ kind, id, network }: Claim): Way | null {
    const arrival = this.#arrivals.get(network);
    if (!arrival) return null;
    const { mtu, space } = arrival;
    if (kind === "port")
      return { network, kind: TARGET_KIND.TARGET_PORT, target: id, mtu, flags: 0 };
    const peer = this.#peersByGroup.get(id);
    const symmetric = peer === undefined || space === network ? null : this.groupTo(peer, space);
    const [target, flags] = symmetric === null ? [id, 0] : [symmetric, ROUTE_FLAG.ROUTE_BY_ROUTER];
    const narrowest =
      symmetric === null ? mtu : Math.min(mtu, this.#arrivals.get(space)?.mtu ?? mtu);
    return { network, kind: TARGET_KIND.TARGET_GROUP, target, mtu: narrowest, flags };
  }

  /** The reverse of `wayTo`: who it was that a row leads to; null: he is not there any more. */
  claimIn(row: Uint8Array): Claim | null {
    const network = integerOf("routeRow", row, "network");
    const target = integerOf("routeRow", row, "target");
    const mac = formatMac(octetsOf("routeRow", row, "mac"));
    if (integerOf("routeRow", row, "kind") === TARGET_KIND.TARGET_PORT)
      return this.#ports.has(target) ? { kind: "port", id: target, network, mac } : null;
    const peer = this.#peersByGroup.get(target);
    const group = peer === undefined ? null : this.groupTo(peer, network);
    return group === null ? null : { kind: "group", id: group, network, mac };
  }

  /** Of a port or of a host, for people. */
  nameOf({ kind, id }: Place): string {
    if (kind === "group") return this.#hostOf(id) ?? placeText({ kind, id });
    const port = this.#ports.get(id);
    return port ? `${port.tenant}/${port.name}` : placeText({ kind, id });
  }

  #hostOf(group: number): string | null {
    return this.#hostsByPeer.get(this.#peersByGroup.get(group) ?? 0) ?? null;
  }

  /** All endpoints, as `self` knows them, by network and address. */
  list(self: string, known: Iterable<Known>): readonly ListedEndpoint[] {
    const names = new Map([...this.#ports.values()].map((port) => [port.network, port]));
    const place = (network: number, at: Place | null): Omit<ListedEndpoint, "mac" | "address"> => {
      const port = at?.kind === "port" ? (this.#ports.get(at.id) ?? null) : null;
      return {
        host: self,
        tenant: names.get(network)?.tenant ?? null,
        network: names.get(network)?.networkName ?? null,
        vni: network,
        port: port && `${port.tenant}/${port.name}`,
        state: "declared",
        where: at === null ? null : at.kind === "port" ? self : this.#hostOf(at.id),
        ...{ since: null, lastSeen: null, expires: null, moves: 0 },
      };
    };
    const rows: ListedEndpoint[] = [];
    for (const { kind, target, network, mac, address } of this.#declared)
      if (kind === "port" || kind === "group")
        rows.push({ ...place(network, { kind, id: target }), mac, address });
    for (const { address, state } of known) {
      const since = timestampOfMonotonic(state.since);
      if (state.at !== "discovered") {
        rows.push({ ...place(state.network, null), mac: null, address, state: "silent", since });
        continue;
      }
      const { claim, seenAt, moves } = state;
      rows.push({
        ...place(claim.network, claim),
        ...{ mac: claim.mac, address, state: "discovered", since, moves },
        lastSeen: timestampOfMonotonic(seenAt),
        expires: timestampOfMonotonic(seenAt + this.lifeMsOf(claim.network)),
      });
    }
    return rows.sort((a, b) => a.vni - b.vni || compareText(a.address, b.address));
  }
}
