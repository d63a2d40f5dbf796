/**
 * Endpoints that leave this host for another: what still comes for them through tunnels, from hosts that have not heard
 * of it, is sent on for a while. Which entries those are is in the tables themselves (FDB_MOVED, ROUTE_MOVED, and until
 * when), so that an agent that is started anew in between goes on where the one before it was.
 */
import { FDB_FLAG, ROUTE_FLAG, TARGET_KIND } from "../rows/abi.generated.ts";
import { integerOf, octetsOf, pack } from "../rows/pack.ts";
import { type Entries, type Entry, keyText, type TableChange, type TableName } from "./entries.ts";

/** Longer than any host of ours takes to hear of a move. */
export const STRAGGLERS_NS = 10_000_000_000n;

/** `change`, with marks on the endpoints that it moves away from ports of this host, and without taking marks off too early. */
export function withMoves(
  table: TableName,
  change: TableChange,
  have: Entries,
  nowNs: bigint,
): TableChange {
  if (table !== "fdb" && table !== "host") return change;
  const layout = table === "fdb" ? "fdbRow" : "routeRow";
  const set: Entry[] = [];
  for (const entry of change.set) {
    const there = have.get(keyText(entry.key));
    const isLeaving =
      there !== undefined &&
      integerOf(layout, entry.row, "kind") === TARGET_KIND.TARGET_GROUP &&
      (integerOf(layout, there.row, "kind") === TARGET_KIND.TARGET_PORT ||
        isMarked(layout, there.row, nowNs));
    if (!isLeaving) set.push(entry);
    else if (!isMarked(layout, there.row, nowNs) || !isMarkOf(layout, there.row, entry.row))
      set.push({ key: entry.key, row: marked(layout, entry.row, nowNs + STRAGGLERS_NS) });
  }
  return { set, remove: change.remove };
}

type MovingLayout = "fdbRow" | "routeRow";

const markOf = (layout: MovingLayout): number =>
  layout === "fdbRow" ? FDB_FLAG.FDB_MOVED : ROUTE_FLAG.ROUTE_MOVED;

const isMarked = (layout: MovingLayout, row: Uint8Array, nowNs: bigint): boolean =>
  (integerOf(layout, row, "flags") & markOf(layout)) !== 0 &&
  integerOf(layout, row, "freshUntilNs") > Number(nowNs);

/** Whether `row` is `wanted` but for the mark. */
const isMarkOf = (layout: MovingLayout, row: Uint8Array, wanted: Uint8Array): boolean =>
  Buffer.compare(marked(layout, row, 0n), marked(layout, wanted, 0n)) === 0;

function marked(layout: MovingLayout, row: Uint8Array, freshUntilNs: bigint): Uint8Array {
  const [target, kind] = [integerOf(layout, row, "target"), integerOf(layout, row, "kind")];
  const flags = integerOf(layout, row, "flags") | markOf(layout);
  if (layout === "fdbRow") return pack("fdbRow", { target, kind, flags, freshUntilNs });
  return pack("routeRow", {
    ...{ target, kind, flags, freshUntilNs },
    network: integerOf("routeRow", row, "network"),
    mac: octetsOf("routeRow", row, "mac"),
    mtu: integerOf("routeRow", row, "mtu"),
  });
}
