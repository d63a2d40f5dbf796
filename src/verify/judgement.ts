/**
 * What a probe proves. Allowed: the target itself received this probe. Denied: the probe was seen at its
 * source with the verdict that the rows demand, it did not arrive, and the target did receive another
 * source's probe in the same run, so that silence means refusal and not a dead target. Anything less
 * proves nothing and fails.
 */
import type { VerdictName } from "../rows/abi.generated.ts";

export type Protocol = "arp" | "icmp" | "tcp" | "udp";
export type Intended = "allow" | "deny";
export type Observed = "allow" | "deny" | "unproven";

export interface Evidence {
  readonly intended: Intended;
  /** What the source's rows allow; none where the source has no datapath of ours. */
  readonly expected: readonly VerdictName[];
  readonly arrived: boolean;
  /** Seen at the source's port; null: not seen. */
  readonly verdict: VerdictName | null;
  /** Another source whose probe the target received in this run. */
  readonly control: string | null;
}

/** One probe with its outcome, in the order of fields that `weft matrix --json` promises. */
export interface ProbeResult {
  readonly from: string;
  readonly to: string;
  readonly protocol: Protocol;
  readonly port: number | null;
  readonly intended: Intended;
  readonly observed: Observed;
  readonly control: string | null;
  readonly verdict: VerdictName | null;
}

export interface MatrixSummary {
  readonly total: number;
  readonly asIntended: number;
  readonly wrong: number;
  readonly unproven: number;
}

export interface MatrixReport {
  readonly probes: readonly ProbeResult[];
  readonly summary: MatrixSummary;
}

export function judge(evidence: Evidence): Observed {
  const { intended, expected, arrived, verdict, control } = evidence;
  if (arrived) return "allow";
  if (verdict === null || control === null) return "unproven";
  // A probe that should have arrived and did not is refused, whatever verdict says so.
  if (intended === "allow") return "deny";
  return expected.includes(verdict) ? "deny" : "unproven";
}

export function summarize(probes: readonly ProbeResult[]): MatrixSummary {
  const total = probes.length;
  const unproven = probes.filter((p: ProbeResult) => p.observed === "unproven").length;
  const asIntended = probes.filter((p: ProbeResult) => p.observed === p.intended).length;
  return { total, asIntended, wrong: total - asIntended - unproven, unproven };
}
