/**
 * The rows of one host, kept in parts: its own, each network's and each router's. A change of a network makes that
 * network's part anew; a peer's rows come with the first part that has to do with him and go with the last. Ids come
 * from a book and stay with their names (id-book.ts).
 */
import { invariant } from "../base/result.ts";
import { LIMIT } from "../rows/abi.generated.ts";
import type { IdBook, IdChange, Row, RowParts, RowsChange } from "../rows/rows.ts";
import { changeIds, giveIds, type OpenIdSpace } from "./id-book.ts";
import type { Fabric, Host } from "./intent.ts";
import { type Placed, renderPlaced } from "./passes/destinations.ts";
import { groupPeer, hostRows, multicastRows, networkRows, peerRows } from "./passes/host-rows.ts";
import { type Local, localOf, type Overlay } from "./passes/locals.ts";
import type { Segment } from "./passes/segments.ts";
import { type LocalVrf, localAddressesOf, localVrfOf, vrfRows } from "./passes/vrf-rows.ts";
import type { Vrf } from "./passes/vrfs.ts";
import type { RemotePeer, Tunnel } from "./passes/ways.ts";

/** The key of the part that is the host's own: no network has it. */
export const OWN_PART = "";

interface OpenIdBook extends IdBook {
  readonly ports: OpenIdSpace;
  readonly peers: OpenIdSpace;
  readonly groups: OpenIdSpace;
}

/** What a part is made of. */
type Piece =
  | { readonly of: "network"; readonly local: Local }
  | { readonly of: "router"; readonly local: LocalVrf }
  | { readonly of: "addresses"; readonly space: number; readonly placed: readonly Placed[] };

/** The keys of a router's part, and of the part with the addresses of one of its networks: no network has them. */
const routerPart = (router: string): string => `router ${router}`;
const addressesPart = (network: string): string => `routed ${network}`;

interface PeerUse {
  readonly peer: RemotePeer;
  /** Parts that have to do with his host. */
  readonly parts: number;
}

export class HostRows {
  readonly host: string;
  #ids: OpenIdBook;
  #fabric: Fabric | null = null;
  #self: Host | null = null;
  readonly #parts = new Map<string, readonly Row[]>();
  readonly #pieces = new Map<string, Piece>();
  #isRouted: boolean = false;
  #routersByNetwork: ReadonlyMap<string, string> = new Map();
  readonly #usesByPeer = new Map<string, PeerUse>();
  /** Underlay groups, which are peers too, by name in the id book: the networks that flood to them. */
  readonly #networksByGroup = new Map<string, Map<string, Segment>>();

  constructor(host: string, ids: IdBook) {
    this.host = host;
    this.#ids = {
      ports: giveIds(ids.ports, Object.keys(ids.ports.idsByName), LIMIT.PORTS_MAX),
      peers: giveIds(ids.peers, Object.keys(ids.peers.idsByName), LIMIT.PEERS_MAX),
      groups: giveIds(ids.groups, Object.keys(ids.groups.idsByName), LIMIT.GROUPS_MAX),
    };
  }

  /** As they are now; they change with the next call. */
  get parts(): RowParts {
    return this.#parts;
  }

  /** As they are now; they change with the next call. */
  get ids(): IdBook {
    return this.#ids;
  }

  /** All of them anew. */
  replace(fabric: Fabric, self: Host, overlay: Overlay): void {
    this.#fabric = fabric;
    this.#self = self;
    this.#isRouted = overlay.vrfs.size > 0;
    for (const known of [this.#parts, this.#pieces, this.#usesByPeer, this.#networksByGroup])
      known.clear();
    this.#routersByNetwork = routersByNetworkIn(overlay);
    const { segments, vrfs } = overlay;
    const networks = new Set([...segments.keys(), ...this.#routersByNetwork.keys()]);
    for (const [part, piece] of this.#piecesOf(networks, vrfs.keys(), overlay))
      this.#put(part, piece);
    const { ports, peers, groups } = this.#ids;
    const pieces = [...this.#pieces.values()];
    this.#ids = {
      ports: giveIds(ports, pieces.flatMap(portNames), LIMIT.PORTS_MAX),
      peers: giveIds(
        peers,
        [...this.#usesByPeer.keys(), ...this.#networksByGroup.keys()],
        LIMIT.PEERS_MAX,
      ),
      groups: giveIds(groups, pieces.flatMap(groupNames), LIMIT.GROUPS_MAX),
    };
    for (const [key, piece] of this.#pieces)
      this.#parts.set(key, pieceRows(fabric, self, piece, this.#ids));
    this.#parts.set(OWN_PART, this.#ownRows(fabric, self));
  }

  /** What comes of `networks` anew, and the host's own if there are others to speak to. `replace` came before. */
  change(networks: ReadonlySet<string>, overlay: Overlay): RowsChange {
    const [fabric, self] = [this.#fabric, this.#self];
    invariant(fabric !== null && self !== null, "rows are made before they are changed");
    const routers = this.#routersOf(networks, overlay);
    const pieces = new Map(this.#piecesOf(networks, routers, overlay));
    const before = [...pieces.keys()].flatMap((part) => this.#pieces.get(part) ?? []);
    const peersBefore = new Set(before.flatMap(peerNames));
    for (const [part, piece] of pieces) this.#put(part, piece);
    const after = [...pieces.values()].flatMap((piece) => piece ?? []);
    const peers = new Set([...peersBefore, ...after.flatMap(peerNames)]);
    const ids = this.#changeIds(before, after, peers);
    const changed = new Set<string>();
    for (const [part, piece] of pieces) {
      if (piece) this.#parts.set(part, pieceRows(fabric, self, piece, this.#ids));
      else if (!this.#parts.delete(part)) continue;
      changed.add(part);
    }
    if (Object.keys(ids.peers.idsByName).length > 0) {
      this.#parts.set(OWN_PART, this.#ownRows(fabric, self));
      changed.add(OWN_PART);
    }
    return { parts: changed, ids };
  }

  /** Routers that `networks` are of, and those that they export to. */
  #routersOf(networks: Iterable<string>, { vrfs }: Overlay): ReadonlySet<string> {
    const own = new Set([...networks].flatMap((key) => this.#routersByNetwork.get(key) ?? []));
    return new Set([...own].flatMap((key) => [key, ...(vrfs.get(key)?.importers ?? [])]));
  }

  /** Null: this host has nothing to do with it. */
  *#piecesOf(
    networks: Iterable<string>,
    routers: Iterable<string>,
    { segments, vrfs }: Overlay,
  ): Iterable<[part: string, Piece | null]> {
    const [fabric, self] = [this.#fabric, this.#self];
    if (!fabric || !self) return;
    for (const key of networks) {
      const segment = segments.get(key);
      const vrf = vrfs.get(this.#routersByNetwork.get(key) ?? "") ?? null;
      const local = segment ? localOf(fabric, self, segment, { vrf, vrfs }) : null;
      yield [key, local && { of: "network", local }];
      if (vrf) yield [addressesPart(key), addressesPiece(fabric, self, vrf, key)];
    }
    for (const key of routers) {
      const vrf = vrfs.get(key);
      const local = vrf ? localVrfOf(fabric, self, vrf, vrfs) : null;
      yield [routerPart(key), local && { of: "router", local }];
    }
  }

  #changeIds(
    before: readonly Piece[],
    after: readonly Piece[],
    peers: ReadonlySet<string>,
  ): RowsChange["ids"] {
    const { ports, groups, peers: spaceOfPeers } = this.#ids;
    const change = (
      space: OpenIdSpace,
      names: (piece: Piece) => readonly string[],
      max: number,
    ): IdChange => {
      const come = new Set(after.flatMap(names));
      const gone = before.flatMap(names).filter((name) => !come.has(name));
      return changeIds(space, gone, come, max);
    };
    const inUse = (name: string): boolean =>
      this.#usesByPeer.has(name) || this.#networksByGroup.has(name);
    const gone = [...peers].filter((name) => !inUse(name));
    return {
      ports: change(ports, portNames, LIMIT.PORTS_MAX),
      groups: change(groups, groupNames, LIMIT.GROUPS_MAX),
      peers: changeIds(spaceOfPeers, gone, [...peers].filter(inUse), LIMIT.PEERS_MAX),
    };
  }

  #put(part: string, piece: Piece | null): void {
    const before = this.#pieces.get(part) ?? null;
    for (const peer of peersOf(before).values()) this.#use(peer, -1);
    for (const peer of peersOf(piece).values()) this.#use(peer, 1);
    this.#putGroup(part, floodedOf(before), floodedOf(piece));
    if (piece) this.#pieces.set(part, piece);
    else this.#pieces.delete(part);
  }

  #putGroup(part: string, before: Segment | null, after: Segment | null): void {
    const [was, is] = [before, after].map((segment) => segment?.multicast?.group);
    if (was !== undefined) {
      const users = this.#networksByGroup.get(groupPeer(was));
      users?.delete(part);
      if (users?.size === 0) this.#networksByGroup.delete(groupPeer(was));
    }
    if (is === undefined || !after) return;
    const users = this.#networksByGroup.get(groupPeer(is)) ?? new Map<string, Segment>();
    this.#networksByGroup.set(groupPeer(is), users.set(part, after));
  }

  #use(peer: RemotePeer, more: 1 | -1): void {
    const parts = (this.#usesByPeer.get(peer.name)?.parts ?? 0) + more;
    if (parts > 0) this.#usesByPeer.set(peer.name, { peer, parts });
    else this.#usesByPeer.delete(peer.name);
  }

  #ownRows(fabric: Fabric, self: Host): readonly Row[] {
    const peers = [...this.#usesByPeer.values()].flatMap(({ peer }) =>
      peerRows(self, peer, this.#isRouted, this.#ids),
    );
    const groups = [...this.#networksByGroup.values()].flatMap((users) => {
      const [any] = users.values();
      return any ? multicastRows(self, any, this.#ids) : [];
    });
    return [...hostRows(fabric, self, this.#isRouted), ...peers, ...groups];
  }
}

/** Keys of routers by those of their networks. */
function routersByNetworkIn({ vrfs }: Overlay): ReadonlyMap<string, string> {
  const pairs = [...vrfs].flatMap(([router, { networks }]) =>
    networks.map(({ network }): [string, string] => [network.key, router]),
  );
  return new Map(pairs);
}

function addressesPiece(fabric: Fabric, self: Host, vrf: Vrf, key: string): Piece | null {
  const one = vrf.networks.find(({ network }) => network.key === key);
  const placed = one ? localAddressesOf(fabric, self, vrf, one) : [];
  return placed.length > 0 ? { of: "addresses", space: vrf.number, placed } : null;
}

function pieceRows(fabric: Fabric, self: Host, piece: Piece, ids: IdBook): readonly Row[] {
  switch (piece.of) {
    case "network":
      return networkRows(fabric, self, piece.local, ids);
    case "router":
      return vrfRows(self, piece.local, ids);
    case "addresses":
      return piece.placed.map((one) => renderPlaced(one, piece.space, ids));
  }
}

const portNames = (piece: Piece): readonly string[] =>
  piece.of === "network" ? (piece.local.own?.ports.map((port) => port.key) ?? []) : [];

const groupNames = (piece: Piece): readonly string[] => sentInto(piece).map(({ group }) => group);

/** Tunnels that have a group. Those of a router's part are under its number, so no two parts have one of a name. */
function sentInto(piece: Piece): readonly Tunnel[] {
  switch (piece.of) {
    case "network":
      return piece.local.remotes.filter(({ reached }) => reached).map(({ tunnel }) => tunnel);
    case "router":
      return piece.local.reached;
    case "addresses":
      return [];
  }
}

/** Others that it has to do with, by name. */
function peersOf(piece: Piece | null): ReadonlyMap<string, RemotePeer> {
  const tunnels = (): readonly Tunnel[] => {
    switch (piece?.of) {
      case "network":
        return piece.local.remotes.map(({ tunnel }) => tunnel);
      case "router":
        return [...piece.local.visitors, ...piece.local.reached];
      default:
        return [];
    }
  };
  const peers = tunnels().flatMap((tunnel): readonly RemotePeer[] => tunnel.peers);
  return new Map(peers.map((peer) => [peer.name, peer]));
}

/** The network that this host floods, and gets floods of; null: none. */
const floodedOf = (piece: Piece | null): Segment | null =>
  piece?.of === "network" && piece.local.own ? piece.local.segment : null;

const peerNames = (piece: Piece): readonly string[] => {
  const multicast = floodedOf(piece)?.multicast;
  return [...peersOf(piece).keys(), ...(multicast ? [groupPeer(multicast.group)] : [])];
};
