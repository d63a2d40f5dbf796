/**
 * Numbers of networks (VNI, VSID): which are legal under a profile, and which one a network would get.
 * One number is used once in a fabric, whatever the encapsulations, so that a network can change its own.
 */

import { compareText } from "../base/text.ts";
import { isLegalVsid } from "../base/vsid.ts";
import type { Intent, Network } from "./intent.ts";
import type { Complaint } from "./report.ts";

export type Profile = "rfc" | "vlan-compatible" | "nvgre-safe";

const NUMBER_MAX = 0xffffff;
/** The first number that is no VLAN's, and the first that RFC 7637 §3.4 does not reserve. */
const BEYOND_VLANS = 4096;

/** The profile of the intent's fabric; rfc where there is not exactly one. */
export function profileOf(intent: Intent): Profile {
  const [fabric, second] = intent.fabrics.values();
  return fabric && !second ? fabric.spec.numbering : "rfc";
}

/** The number of `network`: its own, else the recorded one; null: none yet. */
export function numberOf(intent: Intent, network: Network): number | null {
  return network.spec.vni ?? intent.recorded.numbersByNetwork.get(network.key) ?? null;
}

/** Why `network` may not have `number` under `profile`; null if it may. */
export function refuseNumber(network: Network, number: number, profile: Profile): Complaint | null {
  if (network.spec.encapsulations.includes("nvgre") && !isLegalVsid(number))
    return {
      code: "number-reserved",
      message: `${number}: NVGRE reserves VSIDs 0 to 0xFFF and 0xFFFFFF (RFC 7637 §3.4)`,
    };
  const illegal = (message: string): Complaint => ({ code: "number-illegal", message });
  switch (profile) {
    case "rfc":
      return number === 0 ? illegal("0 is no network's number") : null;
    case "vlan-compatible": {
      const { vlan } = network.spec;
      if (number >= BEYOND_VLANS || (number === vlan && number > 0)) return null;
      return illegal(
        vlan === undefined
          ? `${number}: numbering vlan-compatible keeps 1 to 4094 for networks mapped to that VLAN`
          : `${number}: the network is mapped to VLAN ${vlan}`,
      );
    }
    case "nvgre-safe":
      return isLegalVsid(number)
        ? null
        : illegal(`${number}: numbering nvgre-safe allows 4096 to 16777214`);
  }
}

export interface Proposal {
  readonly network: Network;
  /** Null: every legal number is taken. */
  readonly number: number | null;
  /** Where it comes from, for people: "pool production", "numbering nvgre-safe". */
  readonly from: string;
}

/** A number for each network that has none, in order of keys, none of them used or resting. */
export function proposeNumbers(intent: Intent): ReadonlyMap<string, Proposal> {
  const profile = profileOf(intent);
  const used = new Set<number>([
    ...intent.recorded.restingByNumber.keys(),
    ...intent.recorded.numbersByNetwork.values(),
  ]);
  const missing: Network[] = [];
  for (const network of intent.networks.values()) {
    const number = numberOf(intent, network);
    if (number === null) missing.push(network);
    else used.add(number);
  }
  missing.sort((a, b) => compareText(a.key, b.key));
  const next = new Map<number, number>();
  const proposals = new Map<string, Proposal>();
  for (const network of missing) {
    const { from, ranges } = sourceOf(intent, network, profile);
    const number = firstFree(ranges, used, next, (n) => refuseNumber(network, n, profile) === null);
    if (number !== null) used.add(number);
    proposals.set(network.key, { network, number, from });
  }
  return proposals;
}

type Range = readonly [from: number, to: number];

/** The ranges that a network's number comes from: its VLAN, its tenant's pools, or whatever the profile allows. */
function sourceOf(
  intent: Intent,
  network: Network,
  profile: Profile,
): { readonly from: string; readonly ranges: readonly Range[] } {
  const { vlan, encapsulations } = network.spec;
  if (profile === "vlan-compatible" && vlan !== undefined && !encapsulations.includes("nvgre"))
    return { from: `VLAN ${vlan}`, ranges: [[vlan, vlan]] };
  const names = poolsOf(intent, network.metadata.tenant);
  if (names === null) return { from: `numbering ${profile}`, ranges: [[BEYOND_VLANS, NUMBER_MAX]] };
  const ranges: Range[] = [];
  for (const name of names) {
    const pool = intent.pools.get(name);
    const holds = pool?.spec.numbers;
    const usable =
      (holds === "vni" && encapsulations.includes("vxlan")) ||
      (holds === "vsid" && encapsulations.includes("nvgre"));
    if (pool && usable) ranges.push(...(pool.spec.ranges ?? []).map(rangeOf));
  }
  return { from: `pool ${names.join(", ")}`, ranges };
}

function rangeOf(text: string): Range {
  const [from = "", to = from] = text.split("-");
  return [Number(from), Math.min(Number(to), NUMBER_MAX)];
}

/** The pools of a tenant, or of the nearest ancestor that has any; null: none. */
function poolsOf(intent: Intent, tenant: string): readonly string[] | null {
  const seen = new Set<string>();
  let at: string | undefined = tenant;
  while (at !== undefined && !seen.has(at)) {
    seen.add(at);
    const spec: { readonly pools?: readonly string[]; readonly parent?: string } | undefined =
      intent.tenants.get(at)?.spec;
    if (spec?.pools !== undefined) return spec.pools;
    at = spec?.parent;
  }
  return null;
}

/** `next` remembers, for the start of a range, where its used numbers end: a pool is walked once, not once a network. */
function firstFree(
  ranges: readonly Range[],
  used: ReadonlySet<number>,
  next: Map<number, number>,
  legal: (number: number) => boolean,
): number | null {
  for (const [from, to] of ranges) {
    let number = next.get(from) ?? from;
    while (number <= to && used.has(number)) number++;
    next.set(from, number);
    for (; number <= to; number++) if (!used.has(number) && legal(number)) return number;
  }
  return null;
}
