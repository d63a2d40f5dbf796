/**
 * What becomes of a frame that a workload sends: the twin of datapath/from-port.bpf.c, check by check in its order.
 * Leaves out: counters, a tag beside the frame, and what the kernel may refuse.
 */
import { formatMac, isGroupMac } from "../base/mac.ts";
import type { GroupMember } from "../rows/rows.ts";
import { type Departure, dropped, type Sound, wayOf, wrap } from "./departure.ts";
import { type Station, standing } from "./fdb.ts";
import { flood } from "./flood.ts";
import { pickMember } from "./flow-hash.ts";
import type { Frame } from "./frame.ts";
import { guard } from "./guard.ts";
import type { PortTables } from "./port-tables.ts";
import { isIp } from "./sent.ts";

/** `frame` is what the host receives on an interface behind which a port is, or is not. */
export function depart(
  frame: Frame,
  interfaceName: string,
  tables: PortTables,
  nowSeconds: number,
): Departure {
  const row = tables.attach(interfaceName);
  if (row === null) return dropped("port-unknown");
  const sent = { frame, row, tables };
  const guarded = guard(sent);
  if (guarded.kind === "refused") return dropped(guarded.why);
  const { flow } = guarded;
  const trafficClass = row.dscp === "pipe" ? flow.trafficClass & 3 : flow.trafficClass;
  return route({ ...sent, flow: { ...flow, trafficClass } }, nowSeconds);
}

function route(sound: Sound, nowSeconds: number): Departure {
  const { frame, row, tables } = sound;
  const mac = frame.octetsAt(0, 6);
  if (isGroupMac(mac)) return flood(sound, nowSeconds);
  const found = standing(tables.fdb(row.network, formatMac(mac)), nowSeconds);
  if (found !== null) return toStation(sound, found);
  return row.unknownUnicast === "drop" ? dropped("unknown-unicast") : flood(sound, nowSeconds);
}

function toStation(sound: Sound, { kind, target }: Station): Departure {
  const { frame, row, tables } = sound;
  if (kind === "group") return toGroup(sound, tables.group(target));
  if (kind === "drop") return dropped("fdb-drop");
  if (target === row.port) return dropped("hairpin");
  if (tables.networkOfPort(target) !== row.network) return dropped("no-port");
  const octets = frame.octetsAt(0, frame.wireOctets);
  return { verdict: "delivered", beside: {}, out: [{ to: "port", port: target, octets }] };
}

function toGroup(sound: Sound, members: readonly GroupMember[]): Departure {
  const { tables, flow } = sound;
  const member = members[pickMember(flow.hash, members.length)];
  if (!member) return dropped("no-group");
  const peer = tables.peer(member.peer);
  if (peer === null) return dropped("no-peer");
  const way = wayOf(tables, peer, flow.hash);
  // Who was never resolved is the kernel's to ask for, which it can for IP alone.
  if (way === null || (way.mac === null && !isIp(flow.etherType))) return dropped("no-adjacency");
  const isByNeighbour = !way.isFresh && isIp(flow.etherType);
  const octets = wrap(sound, { ...member, peer }, isByNeighbour ? null : way);
  return { verdict: "encapsulated", beside: {}, out: [{ to: "peer", octets, isByNeighbour }] };
}
