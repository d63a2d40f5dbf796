/**
 * The rows of one host, kept in parts: its own, and each network's. A change of a network makes that network's part
 * anew; a peer's rows come with the first network that is shared with him and go with the last. Ids come from a book
 * and stay with their names (id-book.ts).
 */
import { invariant } from "../base/result.ts";
import { LIMIT } from "../rows/abi.generated.ts";
import type { IdBook, IdChange, Row, RowParts, RowsChange } from "../rows/rows.ts";
import { changeIds, giveIds, type OpenIdSpace } from "./id-book.ts";
import type { Fabric, Host } from "./intent.ts";
import {
  groupPeer,
  hostRows,
  type Local,
  localOf,
  multicastRows,
  networkRows,
  peerRows,
  type RemotePeer,
} from "./passes/host-rows.ts";
import type { Segment } from "./passes/segments.ts";

/** The key of the part that is the host's own: no network has it. */
export const OWN_PART = "";

interface OpenIdBook extends IdBook {
  readonly ports: OpenIdSpace;
  readonly peers: OpenIdSpace;
  readonly groups: OpenIdSpace;
}

interface PeerUse {
  readonly peer: RemotePeer;
  /** Networks shared with his host. */
  readonly networks: number;
}

export class HostRows {
  readonly host: string;
  #ids: OpenIdBook;
  #fabric: Fabric | null = null;
  #self: Host | null = null;
  readonly #parts = new Map<string, readonly Row[]>();
  readonly #locals = new Map<string, Local>();
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
  replace(fabric: Fabric, self: Host, segments: Iterable<Segment>): void {
    this.#fabric = fabric;
    this.#self = self;
    for (const known of [this.#parts, this.#locals, this.#usesByPeer, this.#networksByGroup])
      known.clear();
    for (const segment of segments) this.#put(segment.network.key, localOf(fabric, self, segment));
    const { ports, peers, groups } = this.#ids;
    const locals = [...this.#locals.values()];
    this.#ids = {
      ports: giveIds(ports, locals.flatMap(portNames), LIMIT.PORTS_MAX),
      peers: giveIds(
        peers,
        [...this.#usesByPeer.keys(), ...this.#networksByGroup.keys()],
        LIMIT.PEERS_MAX,
      ),
      groups: giveIds(groups, locals.flatMap(groupNames), LIMIT.GROUPS_MAX),
    };
    for (const [key, local] of this.#locals)
      this.#parts.set(key, networkRows(self, local, this.#ids));
    this.#parts.set(OWN_PART, this.#ownRows(fabric, self));
  }

  /** Those of `networks` anew, and the host's own if there are others to speak to. `replace` came before. */
  change(networks: ReadonlySet<string>, segments: ReadonlyMap<string, Segment>): RowsChange {
    const [fabric, self] = [this.#fabric, this.#self];
    invariant(fabric !== null && self !== null, "rows are made before they are changed");
    const before = [...networks].flatMap((key) => this.#locals.get(key) ?? []);
    const peersBefore = new Set(before.flatMap(peerNames));
    for (const key of networks) {
      const segment = segments.get(key);
      this.#put(key, segment ? localOf(fabric, self, segment) : null);
    }
    const after = [...networks].flatMap((key) => this.#locals.get(key) ?? []);
    const peers = new Set([...peersBefore, ...after.flatMap(peerNames)]);
    const ids = this.#changeIds(before, after, peers);
    const changed = new Set<string>();
    for (const key of networks) {
      const local = this.#locals.get(key);
      if (local) this.#parts.set(key, networkRows(self, local, this.#ids));
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
    before: readonly Local[],
    after: readonly Local[],
    peers: ReadonlySet<string>,
  ): RowsChange["ids"] {
    const { ports, groups, peers: spaceOfPeers } = this.#ids;
    const change = (
      space: OpenIdSpace,
      names: (local: Local) => readonly string[],
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

  #put(network: string, local: Local | null): void {
    for (const { peers } of this.#locals.get(network)?.remotes ?? [])
      for (const peer of peers) this.#use(peer, -1);
    for (const { peers } of local?.remotes ?? []) for (const peer of peers) this.#use(peer, 1);
    this.#putGroup(network, this.#locals.get(network), local);
    if (local) this.#locals.set(network, local);
    else this.#locals.delete(network);
  }

  #putGroup(network: string, before: Local | undefined, after: Local | null): void {
    const [was, is] = [before, after].map((local) => local?.segment.multicast?.group);
    if (was !== undefined) {
      const users = this.#networksByGroup.get(groupPeer(was));
      users?.delete(network);
      if (users?.size === 0) this.#networksByGroup.delete(groupPeer(was));
    }
    if (is === undefined || !after) return;
    const users = this.#networksByGroup.get(groupPeer(is)) ?? new Map<string, Segment>();
    this.#networksByGroup.set(groupPeer(is), users.set(network, after.segment));
  }

  #use(peer: RemotePeer, more: 1 | -1): void {
    const networks = (this.#usesByPeer.get(peer.name)?.networks ?? 0) + more;
    if (networks > 0) this.#usesByPeer.set(peer.name, { peer, networks });
    else this.#usesByPeer.delete(peer.name);
  }

  #ownRows(fabric: Fabric, self: Host): readonly Row[] {
    const peers = [...this.#usesByPeer.values()].flatMap(({ peer }) =>
      peerRows(self, peer, this.#ids),
    );
    const groups = [...this.#networksByGroup.values()].flatMap((users) => {
      const [any] = users.values();
      return any ? multicastRows(self, any, this.#ids) : [];
    });
    return [...hostRows(fabric, self), ...peers, ...groups];
  }
}

const portNames = ({ own }: Local): readonly string[] => own.ports.map((port) => port.key);
const groupNames = ({ remotes }: Local): readonly string[] => remotes.map(({ group }) => group);
const peerNames = ({ segment: { multicast }, remotes }: Local): readonly string[] => [
  ...remotes.flatMap(({ peers }) => peers.map(({ name }) => name)),
  ...(multicast ? [groupPeer(multicast.group)] : []),
];
