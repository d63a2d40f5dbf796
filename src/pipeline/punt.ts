/**
 * To the agent, what a program cannot do: the twin of datapath/lib/punt.h. The frame goes as it came, behind a header
 * that says where it was and why. Leaves out: that the packets of an aggregate each cost their share of the budget.
 */
import { LIMIT, TRAILER_MAGIC } from "../rows/abi.generated.ts";
import { pack } from "../rows/pack.ts";
import { type PuntReason, REASON_NUMBERS } from "../rows/punt-reasons.ts";
import { type Departure, dropped, type Outbound } from "./departure.ts";
import type { HostTables } from "./host-tables.ts";

/** Where a frame came in, and why it cannot simply go on. */
export interface PuntCause {
  readonly reason: PuntReason;
  /** Where it came in; 0: not from one. */
  readonly port: number;
  readonly peer: number;
  readonly network: number;
  readonly space: number;
  readonly owner: number;
  /** That it exceeds, or 0. */
  readonly mtu: number;
  /** Offset of the inner Ethernet header in the frame: 0 from a port. */
  readonly innerAt: number;
}

export function punt(
  { frame, tables }: Pick<Outbound, "frame" | "tables">,
  cause: PuntCause,
  nowSeconds: number,
): Departure {
  if (tables.agentHeardUntilSeconds < nowSeconds) return dropped("punt-unheard");
  if (isPuntSpent(tables, cause.owner, nowSeconds)) return dropped("punt-limited");
  const { port, peer, network, space, owner, mtu, innerAt } = cause;
  const header = pack("puntHeader", {
    ...{ magic: TRAILER_MAGIC.PUNT_MAGIC, reason: REASON_NUMBERS[cause.reason] },
    ...{ port, peer, network, space, owner, mtu, innerAt },
  });
  const octets = new Uint8Array(header.length + frame.wireOctets);
  octets.set(header);
  octets.set(frame.payloadAt(0, frame.wireOctets), header.length);
  return {
    verdict: "punted",
    beside: {},
    out: [{ to: "agent", reason: cause.reason, octets }],
  };
}

const BURST_SECONDS: number = LIMIT.PUNT_BURST_NS / 1e9;

/** Whether an owner's budget of slow work is used up. */
export function isPuntSpent(tables: HostTables, owner: number, nowSeconds: number): boolean {
  const ahead = tables.spentUntilSeconds("punt", owner) - nowSeconds;
  return ahead > 0 && ahead >= BURST_SECONDS;
}
