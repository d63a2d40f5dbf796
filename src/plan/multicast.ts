/** The map from networks to underlay multicast groups, and what routers and switches have to know of it. */
import { formatPrefix, type IpFamily, parseIp } from "../base/ip.ts";
import { invariant } from "../base/result.ts";
import { deriveGroup, macOfGroup } from "../intent/groups.ts";
import type { Intent } from "../intent/intent.ts";
import { compileGroups } from "../intent/passes/groups.ts";

export interface GroupRow {
  /** "tenant/network"; null where only a number was asked about. */
  readonly network: string | null;
  readonly vni: number;
  readonly underlay: IpFamily;
  readonly group: string;
  readonly mac: string;
  readonly given: boolean;
}

/** A prefix that groups of the map lie in, the longest that routers are usually told: /24, /112. */
export interface GroupBlock {
  readonly prefix: string;
  readonly groups: number;
}

export interface MulticastPlan {
  readonly groups: readonly GroupRow[];
  /** In the order in which groups first lie in them. */
  readonly blocks: readonly GroupBlock[];
  /** MACs of more than one group: 32 groups of IPv4 have one (RFC 1112 §6.4). */
  readonly sharedMacs: readonly { readonly mac: string; readonly groups: readonly string[] }[];
}

/** The networks of an intent that flood by multicast, in order of numbers. */
export function planIntentGroups(intent: Intent): MulticastPlan {
  const { assignments } = compileGroups(intent);
  const rows = assignments.map(
    ({ network, number, group, given }): GroupRow => ({
      network: network.key,
      vni: number,
      underlay: network.spec.underlay,
      group,
      mac: macOfGroup(group),
      given,
    }),
  );
  return planOf(rows.toSorted((a, b) => a.vni - b.vni));
}

/** What networks with these numbers, both included, would have. */
export function planNumberGroups(from: number, to: number, underlay: IpFamily): MulticastPlan {
  const rows = Array.from({ length: to - from + 1 }, (_, i): GroupRow => {
    const group = deriveGroup(from + i, underlay);
    return {
      network: null,
      vni: from + i,
      underlay,
      group,
      mac: macOfGroup(group),
      given: false,
    };
  });
  return planOf(rows);
}

function planOf(groups: readonly GroupRow[]): MulticastPlan {
  const distinct = [...new Map(groups.map((row) => [row.group, row])).values()];
  const blocks = [...Map.groupBy(distinct, ({ group }) => blockOf(group))].map(
    ([prefix, rows]): GroupBlock => ({ prefix, groups: rows.length }),
  );
  const sharedMacs = [...Map.groupBy(distinct, ({ mac }) => mac)]
    .filter(([, rows]) => rows.length > 1)
    .map(([mac, rows]) => ({ mac, groups: rows.map(({ group }) => group) }));
  return { groups, blocks, sharedMacs };
}

const BLOCK_BITS = { ipv4: 24, ipv6: 112 } as const;

function blockOf(group: string): string {
  const ip = parseIp(group);
  invariant(ip !== null, `${group} is a group`);
  const bits = BLOCK_BITS[ip.family];
  return formatPrefix({ ...ip, octets: ip.octets.map((o, i) => (i < bits / 8 ? o : 0)), bits });
}
