/**
 * Numbers of networks and routers (VNI, VSID, L3VNI): which are legal under a profile, and which one each would get.
 * One number is used once in a fabric, whatever the encapsulations, so that a network can change its own.
 */

import { compareText } from "../base/text.ts";
import { isLegalVsid } from "../base/vsid.ts";
import type { Intent, Network, Pool, Router } from "./intent.ts";
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

/** What has a number. */
export type Numbered = Network | Router;

/** Networks, and then routers. */
export function* numberedOf(intent: Intent): Iterable<Numbered> {
  yield* intent.networks.values();
  yield* intent.routers.values();
}

/** The number that `one` says itself. */
export const ownNumberOf = (one: Numbered): number | undefined =>
  one.kind === "Router" ? one.spec.l3vni : one.spec.vni;

/** As it is named in numbers.yaml, in messages about numbers and in ids. */
export const numberNameOf = ({ kind, key }: Numbered): string =>
  kind === "Router" ? `router ${key}` : key;

/** The number of `one`: its own, else the recorded one; null: none yet. */
export function numberOf(intent: Intent, one: Numbered): number | null {
  return ownNumberOf(one) ?? intent.recorded.numbersByName.get(numberNameOf(one)) ?? null;
}

/** Why `one` may not have `number` under `profile`; null if it may. */
export function refuseNumber(one: Numbered, number: number, profile: Profile): Complaint | null {
  if (one.spec.encapsulations.includes("nvgre") && !isLegalVsid(number))
    return {
      code: "number-reserved",
      message: `${number}: NVGRE reserves VSIDs 0 to 0xFFF and 0xFFFFFF (RFC 7637 §3.4)`,
    };
  const illegal = (message: string): Complaint => ({ code: "number-illegal", message });
  switch (profile) {
    case "rfc":
      return number === 0 ? illegal("0 is nobody's number") : null;
    case "vlan-compatible": {
      const vlan = vlanOf(one);
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

const vlanOf = (one: Numbered): number | undefined =>
  one.kind === "Network" ? one.spec.vlan : undefined;

export interface Proposal {
  readonly of: Numbered;
  /** Null: every legal number is taken. */
  readonly number: number | null;
  /** Where it comes from, for people: "pool production", "numbering nvgre-safe". */
  readonly from: string;
}

/** A number for all that have none, in order of names, none of them used or resting. */
export function proposeNumbers(intent: Intent): readonly Proposal[] {
  const profile = profileOf(intent);
  const used = new Set<number>([
    ...intent.recorded.restingByNumber.keys(),
    ...intent.recorded.numbersByName.values(),
  ]);
  const missing: Numbered[] = [];
  for (const one of numberedOf(intent)) {
    const number = numberOf(intent, one);
    if (number === null) missing.push(one);
    else used.add(number);
  }
  missing.sort((a, b) => compareText(numberNameOf(a), numberNameOf(b)));
  const next = new Map<number, number>();
  return missing.map((of) => {
    const { from, ranges } = sourceOf(intent, of, profile);
    const number = firstFree(ranges, used, next, (n) => refuseNumber(of, n, profile) === null);
    if (number !== null) used.add(number);
    return { of, number, from };
  });
}

type Range = readonly [from: number, to: number];

/** The ranges that a number comes from: a network's VLAN, the tenant's pools, or whatever the profile allows. */
function sourceOf(
  intent: Intent,
  one: Numbered,
  profile: Profile,
): { readonly from: string; readonly ranges: readonly Range[] } {
  const vlan = vlanOf(one);
  if (
    profile === "vlan-compatible" &&
    vlan !== undefined &&
    !one.spec.encapsulations.includes("nvgre")
  )
    return { from: `VLAN ${vlan}`, ranges: [[vlan, vlan]] };
  const names = poolsOf(intent, one.metadata.tenant);
  if (names === null) return { from: `numbering ${profile}`, ranges: [[BEYOND_VLANS, NUMBER_MAX]] };
  const pools = names.flatMap((name) => intent.pools.get(name) ?? []);
  const ranges = usablePools(one, pools).flatMap(({ spec }) => (spec.ranges ?? []).map(rangeOf));
  return { from: `pool ${names.join(", ")}`, ranges };
}

/** A router takes from pools of l3vni, and from those of networks where its tenant has none. */
function usablePools(one: Numbered, pools: readonly Pool[]): readonly Pool[] {
  const ofRouters = pools.filter(({ spec }) => spec.numbers === "l3vni");
  if (one.kind === "Router" && ofRouters.length > 0) return ofRouters;
  const { encapsulations } = one.spec;
  return pools.filter(
    ({ spec: { numbers } }) =>
      (numbers === "vni" && encapsulations.includes("vxlan")) ||
      (numbers === "vsid" && encapsulations.includes("nvgre")),
  );
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
