/**
 * The ways to this host's peers: which next hops the kernel's route to each has, which of them are used, and the rows
 * that say so to the datapath. A peer is one tunnel address of another host.
 */
import { mappedOctets, parseIp } from "../base/ip.ts";
import { invariant } from "../base/result.ts";
import { FAMILY, LIMIT } from "../rows/abi.generated.ts";
import { integerOf, integersOf, pack } from "../rows/pack.ts";
import type { FamilyName, PeerRow } from "../rows/rows.ts";
import type { AdjacencyBook, KnownAdjacency } from "./adjacency-book.ts";
import { type Entries, keyText, type TableName } from "./entries.ts";
import type { HostFacts, NextHop } from "./facts.ts";
import { address, macOrNone, u32 } from "./octets.ts";
import { fillSlots } from "./slots.ts";

export interface Path {
  readonly host: string;
  readonly family: FamilyName;
  /** Outer addresses; `instead` of them those of another pair are used as long as there is no way. */
  readonly local: string;
  readonly remote: string;
  readonly instead: string | null;
  /** Of the route; null: the interfaces' own. */
  readonly mtu: number | null;
  /** All of the route's. */
  readonly nextHops: readonly PathHop[];
}

export interface PathHop extends NextHop {
  /** Parts of the flows that it gets, of all those that the path's next hops have together. */
  readonly slots: number;
}

export interface PathInput {
  readonly facts: Pick<HostFacts, "routesByRemote">;
  readonly adjacencies: AdjacencyBook;
  /** The table as it is in the kernel: where flows go now. */
  readonly peersBefore: Entries;
  /** CLOCK_MONOTONIC until which resolved adjacencies are vouched for. */
  readonly freshUntilNs: bigint;
}

export type Put = (table: TableName, key: Uint8Array, row: Uint8Array) => void;

/** Outer addresses of one peer, and the adjacency of each slot. */
interface Leg {
  readonly row: PeerRow;
  readonly slots: readonly number[];
  readonly path: Path;
}

const familyNumber = (family: FamilyName): number =>
  family === "ipv4" ? FAMILY.FAMILY_IPV4 : FAMILY.FAMILY_IPV6;

const isReachable = ({ nextHops, instead }: Path): boolean =>
  instead !== null || nextHops.some(({ state }) => state === "up");

/** Hosts to none of whose addresses there is a way. */
export function unreachableHosts(paths: readonly Path[]): readonly string[] {
  const without = paths.filter((path) => !isReachable(path)).map(({ host }) => host);
  return [...new Set(without)].sort();
}

/** Rows of all peers and of the next hops of their routes. */
export function bindPeers(rows: readonly PeerRow[], input: PathInput, put: Put): readonly Path[] {
  const legs = rows.map((row) => legOf(row, input, put));
  const groups = Map.groupBy(legs, ({ row }) => `${row.host} ${row.family}`);
  return legs.map((leg) => {
    const { row, slots, path } = leg;
    const others = isReachable(path) ? [] : (groups.get(`${row.host} ${row.family}`) ?? []);
    // His other addresses are as good: groups need not know that this one is lost.
    const other = others.find((one) => isReachable(one.path));
    const ends = other ? { ...row, local: other.row.local, remote: other.row.remote } : row;
    put("peer", u32(row.peer), peerRow(ends, other?.slots ?? slots));
    return other ? { ...path, instead: other.row.remote } : path;
  });
}

/** Every next hop that is there has its row, used or not: so it stays known, and the kernel keeps asking for it. */
function legOf(row: PeerRow, input: PathInput, put: Put): Leg {
  const { nextHops = [], mtu = null } = input.facts.routesByRemote.get(row.remote) ?? {};
  const ids = nextHops.map((hop, i) => {
    if (hop.state === "link-gone") return -1 - i; // nobody's
    const known = input.adjacencies.take(hop);
    put("adjacency", u32(known.id), adjacencyRow(hop, known, input.freshUntilNs));
    return known.id;
  });
  const before = slotsOf(input.peersBefore, row.peer);
  const candidates = nextHops.map(({ weight }, i) => ({ id: ids[i] ?? 0, weight }));
  const slots = fillSlots(candidates, new Set(usableOf(nextHops, ids)), before);
  const hops = nextHops.map((hop, i) => ({
    ...hop,
    slots: slots.filter((id) => id === ids[i]).length,
  }));
  const { host, family, local, remote } = row;
  return { row, slots, path: { host, family, local, remote, mtu, instead: null, nextHops: hops } };
}

/** Who does not answer is used while nobody does: the kernel asks for him, and may be answered sooner than we know. */
function usableOf(hops: readonly NextHop[], ids: readonly number[]): readonly number[] {
  const all = hops.map(({ state }, i) => ({ state, id: ids[i] ?? 0 }));
  const up = all.filter(({ state }) => state === "up");
  return (up.length > 0 ? up : all.filter(({ state }) => !state.startsWith("link-"))).map(
    (one) => one.id,
  );
}

function slotsOf(peers: Entries, peer: number): readonly number[] {
  const entry = peers.get(keyText(u32(peer)));
  if (!entry) return [];
  const count = integerOf("peerRow", entry.row, "adjacencies");
  return integersOf("peerRow", entry.row, "adjacency").slice(0, count);
}

export function adjacencyRow(
  hop: NextHop,
  known: KnownAdjacency,
  freshUntilNs: bigint,
): Uint8Array {
  const next = parseIp(hop.address);
  invariant(next !== null, `no next hop: ${hop.address}`);
  // Expired, but resolved once (1), is not the same as never resolved (0).
  const resolved = known.mac !== null || hop.l2Octets === 0;
  return pack("adjacencyRow", {
    oif: hop.oif,
    family: familyNumber(next.family),
    l2Octets: hop.l2Octets,
    dmac: known.mac ?? new Uint8Array(6),
    smac: macOrNone(hop.l2Octets === 0 ? null : hop.smac),
    nextHop: mappedOctets(next),
    freshUntilNs: !resolved ? 0n : hop.fresh ? freshUntilNs : 1n,
  });
}

export function peerRow(
  row: Pick<PeerRow, "remote" | "local" | "family" | "mtu" | "routerMac">,
  adjacency: readonly number[],
): Uint8Array {
  invariant(adjacency.length <= LIMIT.PEER_ADJACENCIES_MAX, `${adjacency.length} slots`);
  return pack("peerRow", {
    remote: address(row.remote),
    local: address(row.local),
    family: familyNumber(row.family),
    mtu: row.mtu,
    adjacencies: adjacency.length,
    adjacency,
    routerMac: macOrNone(row.routerMac),
  });
}
