/** The datapath's events as people and programs read them: drops for followers, frames of traced ports for tracers. */
import { formatIp, fromMapped } from "../base/ip.ts";
import { timestampOfBoot } from "../io/clock.ts";
import { HOOK, LIMIT, VERDICTS, type VerdictName } from "../rows/abi.generated.ts";
import { integerOf, octetsOf } from "../rows/pack.ts";
import type { PortRow, Row } from "../rows/rows.ts";

/** One event of the ring, decoded; names are added by `EventNames`. */
export interface DatapathEvent {
  readonly bootNs: number;
  readonly verdict: VerdictName;
  readonly hook: "from-port" | "from-underlay" | "idle-device" | "from-slow-path";
  readonly network: number;
  readonly port: number;
  /** Null: the frame was no tunnel packet, or not read so far. */
  readonly vni: number | null;
  readonly sourceVtep: string | null;
  readonly frameOctets: number;
  readonly headersHex: string;
}

const hooks: ReadonlyMap<number, DatapathEvent["hook"]> = new Map([
  [HOOK.HOOK_FROM_PORT, "from-port"],
  [HOOK.HOOK_FROM_UNDERLAY, "from-underlay"],
  [HOOK.HOOK_IDLE_DEVICE, "idle-device"],
  [HOOK.HOOK_FROM_SLOW_PATH, "from-slow-path"],
]);

export function parseEvent(octets: Uint8Array): DatapathEvent {
  const integer = (name: Parameters<typeof integerOf<"eventRow">>[2]): number =>
    integerOf("eventRow", octets, name);
  const source = octetsOf("eventRow", octets, "source");
  const headers = octetsOf("eventRow", octets, "headers").subarray(0, integer("capturedOctets"));
  return {
    bootNs: integer("atNs"),
    verdict: VERDICTS[integer("verdict")] ?? "none",
    hook: hooks.get(integer("hook")) ?? "from-port",
    network: integer("network"),
    port: integer("port"),
    vni: integer("vni") === LIMIT.VNI_NONE ? null : integer("vni"),
    sourceVtep: source.some((o) => o !== 0) ? formatIp(fromMapped(source)) : null,
    frameOctets: integer("frameOctets"),
    headersHex: Buffer.from(headers).toString("hex"),
  };
}

const DISCOVERED = VERDICTS.indexOf("discovered");

/** What a port's frame showed, if the event is about that: the frame has gone on. */
export function sightingOf(
  octets: Uint8Array,
): { readonly port: number; readonly headers: Uint8Array } | null {
  if (integerOf("eventRow", octets, "verdict") !== DISCOVERED) return null;
  const captured = integerOf("eventRow", octets, "capturedOctets");
  return {
    port: integerOf("eventRow", octets, "port"),
    headers: octetsOf("eventRow", octets, "headers").subarray(0, captured),
  };
}

/** Verdicts up to here, and these, mean that the frame went on. */
const LAST_FORWARDING = VERDICTS.indexOf("passed-shared");
const FORWARDING: ReadonlySet<VerdictName> = new Set<VerdictName>([
  "answered",
  "punted",
  "discovered",
]);

export const isDrop = (verdict: VerdictName): boolean =>
  VERDICTS.indexOf(verdict) > LAST_FORWARDING && !FORWARDING.has(verdict);

/** Names of the host's ports and networks by id. */
export class EventNames {
  readonly #ports: ReadonlyMap<number, PortRow>;
  readonly #networks: ReadonlyMap<number, PortRow>;

  constructor(rows: readonly Row[]) {
    const ports = rows.filter((row) => row.table === "port");
    this.#ports = new Map(ports.map((row) => [row.port, row]));
    this.#networks = new Map(ports.map((row) => [row.network, row]));
  }

  port(id: number): string | null {
    const row = this.#ports.get(id);
    return row ? `${row.tenant}/${row.name}` : null;
  }

  network(id: number): string | null {
    return this.#networks.get(id)?.networkName ?? null;
  }

  tenant(event: DatapathEvent): string | null {
    return this.#ports.get(event.port)?.tenant ?? this.#networks.get(event.network)?.tenant ?? null;
  }
}

/** A line of `weft drops`. */
export function dropRecord(event: DatapathEvent, host: string, names: EventNames): object {
  return {
    at: timestampOfBoot(event.bootNs),
    host,
    verdict: event.verdict,
    rule: null,
    tenant: names.tenant(event),
    network: names.network(event.network),
    port: names.port(event.port),
    sourceVtep: event.sourceVtep,
    vni: event.vni,
    headersHex: event.headersHex,
  };
}

/** A line of a trace. */
export function traceRecord(event: DatapathEvent, names: EventNames): object {
  return {
    at: timestampOfBoot(event.bootNs),
    hook: event.hook,
    verdict: event.verdict,
    port: names.port(event.port),
    network: names.network(event.network),
    vni: event.vni,
    sourceVtep: event.sourceVtep,
    frameOctets: event.frameOctets,
    headersHex: event.headersHex,
  };
}
