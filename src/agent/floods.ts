/**
 * Flood lists of the datapath. A changed list is written whole under the network's next generation, then the
 * network's row flips to it; the old members go a while later (`sweep`), for a frame may be on its way through
 * them: none sees half of either.
 */
import { ok, type Result } from "../base/result.ts";
import type { BpfError, BpfMap } from "../kernel/bpf.ts";
import { LAYOUTS } from "../rows/abi.generated.ts";
import { integerOf, pack } from "../rows/pack.ts";

export interface FloodMember {
  /** Port in the local list, peer in the others. */
  readonly target: number;
  readonly vni: number;
}

export interface FloodLists {
  /** By FLOOD_LIST. */
  readonly lists: readonly (readonly FloodMember[])[];
  readonly bumIntervalNs: number;
  readonly bumBurstNs: number;
}

/** By network. */
export type Floods = ReadonlyMap<number, FloodLists>;

interface Applied {
  readonly generation: number;
  readonly wanted: FloodLists;
}

type Retired = readonly [network: number, list: Applied];

const same = (a: FloodLists, b: FloodLists): boolean =>
  a === b || JSON.stringify(a) === JSON.stringify(b);

const alike = (a: Applied | undefined, b: Applied | undefined): boolean =>
  a !== undefined && b !== undefined && a.generation === b.generation && same(a.wanted, b.wanted);

export class FloodTable {
  readonly #row: BpfMap;
  readonly #member: BpfMap;
  readonly #applied = new Map<number, Applied>();
  /** Lists that no row names any more, whose members are still there: since the last sweep, and before it. */
  #retired: Retired[] = [];
  #resting: Retired[] = [];

  constructor(row: BpfMap, member: BpfMap) {
    this.#row = row;
    this.#member = member;
  }

  /**
   * Takes over what the maps hold; members of no generation in force are removed. The number of networks whose
   * lists were not as we had left them.
   */
  read(): Result<number, BpfError> {
    const rows = this.#row.entries();
    if (!rows.ok) return rows;
    const members = this.#member.entries();
    if (!members.ok) return members;
    const before = new Map(this.#applied);
    this.#applied.clear();
    const old = [...this.#retired, ...this.#resting];
    const isOld = (network: number, generation: number): boolean =>
      old.some(([of, list]) => of === network && list.generation === generation);
    const found = new Map<
      number,
      { generation: number; lists: FloodMember[][]; row: Uint8Array }
    >();
    for (const [key, row] of rows.value)
      found.set(integerOf("floodKey", key, "network"), {
        generation: integerOf("floodRow", row, "generation"),
        lists: Array.from({ length: listCounts(row).length }, () => []),
        row,
      });
    for (const [key, row] of members.value) {
      const network = integerOf("floodMemberKey", key, "network");
      const generation = integerOf("floodMemberKey", key, "generation");
      const there = found.get(network);
      const list = there?.lists[integerOf("floodMemberKey", key, "list")];
      if (list && generation === there?.generation)
        list[integerOf("floodMemberKey", key, "index")] = {
          target: integerOf("floodMemberRow", row, "target"),
          vni: integerOf("floodMemberRow", row, "vni"),
        };
      else if (!isOld(network, generation)) {
        const gone = this.#member.delete(key);
        if (!gone.ok) return gone;
      }
    }
    for (const [network, { generation, lists, row }] of found)
      this.#applied.set(network, {
        generation,
        wanted: {
          lists: lists.map((list, i) => list.slice(0, listCounts(row)[i])),
          bumIntervalNs: integerOf("floodRow", row, "bumIntervalNs"),
          bumBurstNs: integerOf("floodRow", row, "bumBurstNs"),
        },
      });
    const networks = [...new Set([...before.keys(), ...this.#applied.keys()])];
    const unlike = networks.filter(
      (network) => !alike(before.get(network), this.#applied.get(network)),
    );
    return ok(unlike.length);
  }

  /**
   * Writes what differs; the number of networks changed. Removal is apart: `prune`. With `networks` no other is
   * looked at.
   */
  update(wanted: Floods, networks: ReadonlySet<number> | null): Result<number, BpfError> {
    let changed = 0;
    for (const network of networks ?? wanted.keys()) {
      const lists = wanted.get(network);
      const have = this.#applied.get(network);
      if (!lists || (have && same(have.wanted, lists))) continue;
      const done = this.#replace(network, lists, have);
      if (!done.ok) return done;
      changed++;
    }
    return ok(changed);
  }

  /** Removes networks that are not wanted any more. With `networks` no other is looked at. */
  prune(wanted: Floods, networks: ReadonlySet<number> | null): Result<number, BpfError> {
    let removed = 0;
    for (const network of networks ?? [...this.#applied.keys()]) {
      const have = this.#applied.get(network);
      if (!have || wanted.has(network)) continue;
      const gone = this.#row.delete(pack("floodKey", { network }));
      if (!gone.ok) return gone;
      const members = this.#removeMembers(network, have);
      if (!members.ok) return members;
      this.#applied.delete(network);
      removed++;
    }
    return ok(removed);
  }

  #replace(network: number, wanted: FloodLists, have: Applied | undefined): Result<null, BpfError> {
    const generation = ((have?.generation ?? 0) + 1) >>> 0;
    const keys: Uint8Array[] = [];
    const rows: Uint8Array[] = [];
    for (const [list, members] of wanted.lists.entries())
      for (const [index, { target, vni }] of members.entries()) {
        keys.push(pack("floodMemberKey", { network, generation, list, index }));
        rows.push(pack("floodMemberRow", { target, vni }));
      }
    const written = this.#member.setMany(keys, rows);
    if (!written.ok) return written;
    const { bumIntervalNs, bumBurstNs } = wanted;
    const flipped = this.#row.set(
      pack("floodKey", { network }),
      pack("floodRow", {
        generation,
        members: wanted.lists.map((list) => list.length),
        bumIntervalNs,
        bumBurstNs,
      }),
    );
    if (!flipped.ok) return flipped;
    this.#applied.set(network, { generation, wanted });
    if (have) this.#retired.push([network, have]);
    return ok(null);
  }

  /** Removes what was replaced before the last `sweep`: no frame can be on its way through it any more. */
  sweep(): Result<null, BpfError> {
    for (const [network, list] of this.#resting) {
      const gone = this.#removeMembers(network, list);
      if (!gone.ok) return gone;
    }
    this.#resting = this.#retired;
    this.#retired = [];
    return ok(null);
  }

  #removeMembers(network: number, { generation, wanted }: Applied): Result<null, BpfError> {
    for (const [list, members] of wanted.lists.entries())
      for (const index of members.keys()) {
        const gone = this.#member.delete(
          pack("floodMemberKey", { network, generation, list, index }),
        );
        if (!gone.ok) return gone;
      }
    return ok(null);
  }
}

function listCounts(row: Uint8Array): readonly number[] {
  const { at, octets } = LAYOUTS.floodRow.fields.members;
  const view = new DataView(row.buffer, row.byteOffset + at, octets);
  return Array.from({ length: octets / 4 }, (_, i) => view.getUint32(4 * i, true));
}
