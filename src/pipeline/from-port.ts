/**
 * What becomes of a frame that a workload sends: the twin of datapath/from-port.bpf.c, check by check in its order.
 * Leaves out: counters, a tag beside the frame, and what the kernel may refuse.
 */
import { formatMac, isGroupMac } from "../base/mac.ts";
import { answerEcho, answerError } from "./answer.ts";
import { type Departure, dropped, type Sound, toGroup, toPort } from "./departure.ts";
import { OUTER_TTL } from "./encapsulate.ts";
import { type Station, standing } from "./fdb.ts";
import { flood } from "./flood.ts";
import { forward } from "./forward.ts";
import type { Frame } from "./frame.ts";
import { refusalOf } from "./guard.ts";
import { flowOf } from "./inner-flow.ts";
import { clampMss } from "./mss.ts";
import type { PortTables } from "./port-tables.ts";
import { punt } from "./punt.ts";
import { consult } from "./route.ts";
import { isTooBig } from "./sent.ts";

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
  const why = refusalOf(sent);
  if (why !== null) return dropped(why);
  const flow = flowOf(frame, 0, tables.hashSeed);
  const trafficClass = row.dscp === "pipe" ? flow.trafficClass & 3 : flow.trafficClass;
  return direct({ ...sent, flow: { ...flow, trafficClass }, ttl: OUTER_TTL }, nowSeconds);
}

/** Bridged or routed, by its destination's MAC. */
function direct(sound: Sound, nowSeconds: number): Departure {
  const { frame, row, tables } = sound;
  const octets = frame.octetsAt(0, 6);
  const mac = formatMac(octets);
  if (isGroupMac(octets)) return flood(sound, nowSeconds);
  if (row.routed && mac === tables.gatewayMac) return route(sound, nowSeconds);
  const found = standing(tables.fdb(row.network, mac), nowSeconds);
  if (found !== null) return toStation(sound, found);
  return row.unknownUnicast === "drop" ? dropped("unknown-unicast") : flood(sound, nowSeconds);
}

function toStation(sound: Sound, { kind, target }: Station): Departure {
  const { row } = sound;
  if (kind === "group") return toGroup(sound, target, false);
  if (kind === "drop") return dropped("fdb-drop");
  return target === row.port ? dropped("hairpin") : toPort(sound, target, row.network);
}

/** To the gateway's MAC. */
function route(sound: Sound, nowSeconds: number): Departure {
  const { frame, row, tables } = sound;
  const found = consult({ frame, at: 0, space: row.space, tables }, nowSeconds);
  if (found.kind === "refused") {
    const isTold = found.why === "no-route" || found.why === "ttl-exceeded";
    return isTold ? answerError(sound, found.why, 0, nowSeconds) : dropped(found.why);
  }
  const { place, headerOctets, mayFragment } = found;
  const origin = { ...{ port: row.port, peer: 0, innerAt: 0 }, ...row };
  if (place.kind === "gateway") return answerEcho(sound, nowSeconds);
  if (place.kind === "glean")
    return punt(sound, { ...origin, reason: "glean", mtu: 0 }, nowSeconds);
  if (isTooBig(frame, place.mtu, headerOctets)) {
    const { mtu } = place;
    if (mayFragment) return punt(sound, { ...origin, reason: "fragment", mtu }, nowSeconds);
    return answerError(sound, "too-big", mtu, nowSeconds);
  }
  const clamped = row.mssClamp ? clampMss(frame, place.mtu) : null;
  const next = forward({ ...sound, frame: clamped ?? frame }, place);
  return clamped ? { ...next, beside: { ...next.beside, "mss-clamped": 1 } } : next;
}
