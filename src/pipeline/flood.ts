/**
 * Broadcast, multicast and unknown unicast: one copy to every other port of the network here, one to every peer. The
 * twin of datapath/lib/flood.h. Leaves out: what a budget is afterwards, and copies that the kernel refuses.
 */
import { LIMIT, type VerdictName } from "../rows/abi.generated.ts";
import type { FloodPeers, FloodRow } from "../rows/rows.ts";
import { type Departure, dropped, type Outgoing, type Sound, wayOf, wrap } from "./departure.ts";
import { isIp } from "./inner-flow.ts";
import type { PortTables } from "./port-tables.ts";

/** Lists by ascending length of the outer headers: room can be added to a frame, and not taken away again. */
const ORDER: readonly string[] = ["nvgre ipv4", "vxlan ipv4", "nvgre ipv6", "vxlan ipv6"];

const placeOf = ({ encapsulation, family }: FloodPeers): number =>
  ORDER.indexOf(`${encapsulation} ${family}`);

/** Replica budgets are earned back over this time. */
const BURST_SECONDS = 0.1;

export function flood(sound: Sound, nowSeconds: number): Departure {
  const { row, tables } = sound;
  const to = tables.flood(row.network);
  if (to === null) return dropped("no-receiver");
  const replicas = to.lists.reduce((sum, { members }) => sum + members.length, to.local.length);
  // The sender's own port is a member.
  if (replicas < 2) return dropped("no-receiver");
  const budgets = [
    ["port", row.port, row.bumPps],
    ["network", row.network, to.bumPps],
  ] as const;
  for (const [scope, id, pps] of budgets) {
    const ahead = tables.spentUntilSeconds(scope, id) - nowSeconds;
    // The frame that crosses the line still goes.
    if (pps !== null && ahead > 0 && ahead >= BURST_SECONDS) return dropped("bum-limited");
  }
  const local = copiesToPorts(sound, to.local);
  const { out, beside } = copiesToPeers(sound, to);
  const all = [...local, ...out];
  return { verdict: all.length > 0 ? "flooded" : "no-receiver", beside, out: all };
}

function copiesToPorts({ frame, row, tables }: Sound, ports: readonly number[]): Outgoing[] {
  const octets = frame.payloadAt(0, frame.wireOctets);
  return receivers(tables, row.network, ports)
    .filter((port) => port !== row.port)
    .map((port) => ({ to: "port", port, octets }));
}

/** Those of `ports` that get a copy: a port of another network gets none. */
export const receivers = (
  tables: Pick<PortTables, "networkOfPort">,
  network: number,
  ports: readonly number[],
): readonly number[] =>
  ports.slice(0, LIMIT.REPLICAS_MAX).filter((port) => tables.networkOfPort(port) === network);

function copiesToPeers(sound: Sound, { lists }: FloodRow): Pick<Departure, "out" | "beside"> {
  const { frame, flow } = sound;
  const out: Outgoing[] = [];
  const beside: Partial<Record<VerdictName, number>> = {};
  let lost = 0;
  const ordered = lists
    .filter(({ members }) => members.length > 0)
    .sort((a, b) => placeOf(a) - placeOf(b));
  for (const [i, list] of ordered.entries()) {
    // An aggregate's tunnel type is the first list's.
    if (i > 0 && frame.segmentOctets > 0 && isIp(flow.etherType)) {
      beside["gso-unsupported"] = 1;
      lost += list.members.length;
      continue;
    }
    const copies = copiesOfList(sound, list);
    lost += Math.min(list.members.length, LIMIT.REPLICAS_MAX) - copies.length;
    out.push(...copies);
  }
  if (lost > 0) beside["replica-failed"] = lost;
  return { out, beside };
}

function copiesOfList(sound: Sound, { encapsulation, members }: FloodPeers): readonly Outgoing[] {
  const { tables, flow } = sound;
  return members.slice(0, LIMIT.REPLICAS_MAX).flatMap(({ peer: id, vni }): readonly Outgoing[] => {
    const peer = tables.peer(id);
    const way = peer === null ? null : wayOf(tables, peer, flow.hash);
    // Copies go by the octets that are known: the kernel is not asked.
    if (peer === null || !way?.mac) return [];
    const octets = wrap(sound, { encapsulation, vni, peer }, way);
    return [{ to: "peer", peer, octets, isByNeighbour: false }];
  });
}
