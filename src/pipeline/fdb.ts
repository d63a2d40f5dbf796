/**
 * Where a MAC is, and what a frame from it teaches: the twin of datapath/lib/learn.h (RFC 7348 section 4.1,
 * docs/decisions/0009-learning.md). A step takes what is known and the time, and says what changes; who keeps the
 * state applies it. Leaves out: the sweep, CPUs that race, and a full table.
 */
import type { VerdictName } from "../rows/abi.generated.ts";
import type { FdbRow, Learning } from "../rows/rows.ts";

export interface Station extends Pick<FdbRow, "kind" | "target"> {
  /** When it is over, if it was learned; null: declared. */
  readonly freshUntilSeconds: number | null;
  /** Was behind a port of ours: until then what still comes for it through tunnels is sent on. */
  readonly movedUntilSeconds: number;
}

const UNMOVED = { movedUntilSeconds: Number.NEGATIVE_INFINITY } as const;

/** Of what the intent says and nobody has moved. */
export const DECLARED = { freshUntilSeconds: null, ...UNMOVED } as const;

/** What is known, if it still holds. */
export const standing = (known: Station | null, nowSeconds: number): Station | null =>
  known?.freshUntilSeconds != null && known.freshUntilSeconds < nowSeconds ? null : known;

/** A source address seen behind a peer. */
export interface Sighting extends Learning {
  readonly network: number;
  readonly mac: string;
  /** The way back to him. */
  readonly group: number;
}

export interface Lesson {
  /** Counted beside the frame's own verdict. */
  readonly verdict: VerdictName | null;
  /** What is known from now on; null: what was. */
  readonly station: Station | null;
}

export interface Knowledge {
  /** As the table has it, over or not. */
  readonly known: Station | null;
  /** Of the network, over or not. */
  readonly learnedCount: number;
  readonly gatewayMac: string | null;
}

/** A row is written anew when this part of its life is gone. */
const RENEWAL = 1 / 16;

export function learn(seen: Sighting, knowledge: Knowledge, nowSeconds: number): Lesson {
  const { known, learnedCount, gatewayMac } = knowledge;
  const station: Station = {
    kind: "group",
    target: seen.group,
    freshUntilSeconds: nowSeconds + seen.ageSeconds,
    ...UNMOVED,
  };
  const isDeclared = known !== null && known.freshUntilSeconds === null;
  if (known?.kind === "group" && known.target === seen.group) {
    const isDue =
      known.freshUntilSeconds !== null &&
      known.freshUntilSeconds < nowSeconds + seen.ageSeconds * (1 - RENEWAL);
    return { verdict: null, station: isDue ? station : null };
  }
  if (isDeclared || seen.mac === gatewayMac) return { verdict: "learn-refused", station: null };
  if (known !== null) return { verdict: "moved", station };
  if (learnedCount >= seen.macsMax) return { verdict: "learn-full", station: null };
  return { verdict: "learned", station };
}
