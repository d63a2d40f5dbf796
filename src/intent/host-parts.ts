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
import { groupPeer, hostRows, multicastRows, networkRows, peerRows } from "./passes/host-rows.ts";
import { type Local, localOf, type Overlay } from "./passes/locals.ts";
import type { Segment } from "./passes/segments.ts";
import { type LocalVrf, localVrfOf, vrfRows } from "./passes/vrf-rows.ts";
import type { Vrf } from "./passes/vrfs.ts";
import type { RemotePeer } from "./passes/ways.ts";

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
  | { readonly of: "router"; readonly local: LocalVrf };

/** The key of a router's part: no network has it. */
const routerPart = (router: string): string => `router ${router}`;

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
    const { segments, vrfs } = overlay;
    const vrfsByNetwork = vrfsByNetworkOf(overlay);
    for (const [key, segment] of segments) {
      const vrf = vrfsByNetwork.get(key) ?? null;
      const local = localOf(fabric, self, segment, { vrf, vrfs });
      if (local) this.#put(key, { of: "network", local });
    }
    for (const [key, vrf] of vrfs) {
      const local = localVrfOf(fabric, self, vrf, vrfs);
      if (local) this.#put(routerPart(key), { of: "router", local });
    }
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

  /** Those of `networks` anew, none of which has a router, and the host's own if there are others to speak to. `replace` came before. */
  change(networks: ReadonlySet<string>, { segments, vrfs }: Overlay): RowsChange {
    const [fabric, self] = [this.#fabric, this.#self];
    invariant(fabric !== null && self !== null, "rows are made before they are changed");
    const before = [...networks].flatMap((key) => this.#pieces.get(key) ?? []);
    const peersBefore = new Set(before.flatMap(peerNames));
    for (const key of networks) {
      const segment = segments.get(key);
      const local = segment && localOf(fabric, self, segment, { vrf: null, vrfs });
      this.#put(key, local ? { of: "network", local } : null);
    }
    const after = [...networks].flatMap((key) => this.#pieces.get(key) ?? []);
    const peers = new Set([...peersBefore, ...after.flatMap(peerNames)]);
    const ids = this.#changeIds(before, after, peers);
    const changed = new Set<string>();
    for (const key of networks) {
      const piece = this.#pieces.get(key);
      if (piece) this.#parts.set(key, pieceRows(fabric, self, piece, this.#ids));
      else if (!this.#parts.delete(key)) continue;
      changed.add(key);
    }
    if (Object.keys(ids.peers.idsByName).length > 0) {
      this.#parts.set(OWN_PART, this.#ownRows(fabric, self));
      changed.add(OWN_PART);
    }
    return { parts: changed, ids };
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

function vrfsByNetworkOf({ vrfs }: Overlay): ReadonlyMap<string, Vrf> {
  const byNetwork = [...vrfs.values()].flatMap((vrf) =>
    vrf.networks.map(({ network }): [string, Vrf] => [network.key, vrf]),
  );
  return new Map(byNetwork);
}

const pieceRows = (fabric: Fabric, self: Host, piece: Piece, ids: IdBook): readonly Row[] =>
  piece.of === "network"
    ? networkRows(fabric, self, piece.local, ids)
    : vrfRows(self, piece.local, ids);

const portNames = (piece: Piece): readonly string[] =>
  piece.of === "network" ? (piece.local.own?.ports.map((port) => port.key) ?? []) : [];

function groupNames({ of, local }: Piece): readonly string[] {
  const reached =
    of === "network"
      ? local.remotes.filter((remote) => remote.reached).map(({ tunnel }) => tunnel)
      : local.reached;
  return reached.map(({ group }) => group);
}

/** By name. */
function peersOf(piece: Piece | null): ReadonlyMap<string, RemotePeer> {
  if (!piece) return new Map();
  const { of, local } = piece;
  const tunnels =
    of === "network"
      ? local.remotes.map(({ tunnel }) => tunnel)
      : [...local.visitors, ...local.reached];
  const peers = tunnels.flatMap((tunnel): readonly RemotePeer[] => tunnel.peers);
  return new Map(peers.map((peer) => [peer.name, peer]));
}

/** The network that this host floods, and gets floods of; null: none. */
const floodedOf = (piece: Piece | null): Segment | null =>
  piece?.of === "network" && piece.local.own ? piece.local.segment : null;

const peerNames = (piece: Piece): readonly string[] => {
  const multicast = floodedOf(piece)?.multicast;
  return [...peersOf(piece).keys(), ...(multicast ? [groupPeer(multicast.group)] : [])];
};
