/**
 * Adjacency ids by (interface, next hop): each next hop stays at one id while a peer uses it, also over restarts,
 * and an id that is let go is the last to be given again.
 */
import { formatIp, fromMapped } from "../base/ip.ts";
import { parseMac } from "../base/mac.ts";
import { invariant } from "../base/result.ts";
import { LIMIT } from "../rows/abi.generated.ts";
import { integerOf, octetsOf } from "../rows/pack.ts";
import { type Entries, indexOf } from "./entries.ts";
import type { NextHop } from "./facts.ts";

export interface KnownAdjacency {
  readonly id: number;
  readonly oif: number;
  readonly address: string;
  /** Last octets known, for what cannot ask the kernel. */
  mac: Uint8Array | null;
}

const nameOf = (oif: number, address: string): string => `${oif} ${address}`;

export class AdjacencyBook {
  readonly #known = new Map<string, KnownAdjacency>();
  readonly #used = new Set<number>();
  #last: number = 0;

  /** The book that the pinned table implies: after a restart every id means what it meant. */
  static of(adjacencies: Entries): AdjacencyBook {
    const book = new AdjacencyBook();
    for (const { key, row } of adjacencies.values()) {
      const oif = integerOf("adjacencyRow", row, "oif");
      const address = formatIp(fromMapped(octetsOf("adjacencyRow", row, "nextHop")));
      const resolved = integerOf("adjacencyRow", row, "freshUntilNs") !== 0;
      const mac = resolved ? octetsOf("adjacencyRow", row, "dmac").slice() : null;
      const id = indexOf(key);
      if (oif === 0) continue;
      book.#known.set(nameOf(oif, address), { id, oif, address, mac });
      book.#used.add(id);
      book.#last = Math.max(book.#last, id);
    }
    return book;
  }

  has(oif: number, address: string): boolean {
    return this.#known.has(nameOf(oif, address));
  }

  take(hop: NextHop): KnownAdjacency {
    const name = nameOf(hop.oif, hop.address);
    let known = this.#known.get(name);
    if (!known) {
      known = { id: this.#free(), oif: hop.oif, address: hop.address, mac: null };
      this.#known.set(name, known);
      this.#used.add(known.id);
    }
    const mac = hop.mac === null ? null : parseMac(hop.mac);
    if (mac) known.mac = mac;
    return known;
  }

  /** Forgets all whose entry is not in `adjacencies`, and tells which those were. */
  retain(adjacencies: Entries): readonly KnownAdjacency[] {
    const inUse = new Set([...adjacencies.values()].map(({ key }) => indexOf(key)));
    const gone: KnownAdjacency[] = [];
    for (const [name, known] of this.#known) {
      if (inUse.has(known.id)) continue;
      this.#known.delete(name);
      this.#used.delete(known.id);
      gone.push(known);
    }
    return gone;
  }

  /** The next one after that given last, so that a frame on its way never meets an id's new meaning. */
  #free(): number {
    invariant(this.#used.size < LIMIT.ADJACENCIES_MAX - 1, "no adjacency id left");
    do this.#last = (this.#last % (LIMIT.ADJACENCIES_MAX - 1)) + 1;
    while (this.#used.has(this.#last));
    return this.#last;
  }
}
