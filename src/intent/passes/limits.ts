/** Pass: what a host would hold fits the datapath's tables (datapath/maps.h). */
import { LIMIT } from "../../rows/abi.generated.ts";
import type { Finding, Intent } from "../intent.ts";
import { findingAt } from "../report.ts";
import { sourcesOf } from "../sources.ts";
import { encapsulationBetween, encapsulationsAt, type Segment, vtepsOf } from "./segments.ts";

/** Entries of one host by what they are, each with its bound. Ids begin with 1, so an id table holds one fewer. */
const bounds = {
  vteps: LIMIT.VTEPS_MAX,
  ports: LIMIT.PORTS_MAX - 1,
  peers: LIMIT.PEERS_MAX - 1,
  groups: LIMIT.GROUPS_MAX - 1,
  networks: LIMIT.NETWORKS_MAX,
  "MAC addresses": LIMIT.FDB_MAX,
  "source prefixes": LIMIT.SOURCES_MAX,
  "incoming numbers": LIMIT.VNI_IN_MAX,
  admissions: LIMIT.ADMIT_MAX,
  "flood members": LIMIT.FLOOD_MEMBERS_MAX,
  "underlay groups": LIMIT.UNDERLAY_GROUPS_MAX,
} as const;

type Entries = { -readonly [What in keyof typeof bounds]: number };

export function checkLimits(intent: Intent, segments: readonly Segment[]): readonly Finding[] {
  const findings = segments.flatMap(checkReplicas);
  const segmentsByHost = new Map<string, Segment[]>();
  for (const segment of segments)
    for (const host of segment.membersByHost.keys()) {
      const list = segmentsByHost.get(host);
      if (list) list.push(segment);
      else segmentsByHost.set(host, [segment]);
    }
  for (const host of intent.hosts.values()) {
    if (!host.spec.managed) continue;
    const entries = countEntries(host.key, segmentsByHost.get(host.key) ?? []);
    entries.vteps = host.spec.vteps.length;
    for (const [what, count] of Object.entries(entries)) {
      const most = new Map<string, number>(Object.entries(bounds)).get(what) ?? 0;
      if (count > most)
        findings.push(
          findingAt(host, "$.metadata.name", {
            code: "limit-exceeded",
            message: `would hold ${count} ${what}, and a host holds ${most}`,
            suggestion: "move ports to another host",
          }),
        );
    }
  }
  return findings;
}

function countEntries(host: string, segments: readonly Segment[]): Entries {
  const peers = new Set<string>();
  const entries: Entries = {
    vteps: 0,
    ports: 0,
    peers: 0,
    groups: 0,
    networks: segments.length,
    "MAC addresses": 0,
    "source prefixes": 0,
    "incoming numbers": 0,
    admissions: 0,
    "flood members": 0,
    "underlay groups": 0,
  };
  const underlayGroups = new Set<string>();
  for (const { network, membersByHost, multicast } of segments) {
    const remotes = membersByHost.size - 1;
    entries.groups += remotes;
    entries.admissions += remotes;
    entries["flood members"] += remotes;
    if (multicast) {
      underlayGroups.add(multicast.group);
      entries["incoming numbers"]++;
    }
    for (const [name, member] of membersByHost) {
      entries["MAC addresses"] += member.ports.length;
      if (name !== host) {
        peers.add(`${name}/${network.spec.underlay}`);
        continue;
      }
      entries.ports += member.ports.length;
      entries["flood members"] += member.ports.length;
      entries["incoming numbers"] +=
        vtepsOf(member.host, network.spec.underlay).length *
        encapsulationsAt(network, member.host).length;
      for (const port of member.ports)
        entries["source prefixes"] += sourcesOf(port, network).prefixes.length;
    }
  }
  entries["underlay groups"] = underlayGroups.size;
  entries.peers = peers.size + underlayGroups.size;
  return entries;
}

/** One list of one network holds REPLICAS_MAX: the ports of a host, or the peers of an encapsulation. */
function checkReplicas({ network, membersByHost }: Segment): readonly Finding[] {
  const members = [...membersByHost.values()];
  const most = LIMIT.REPLICAS_MAX;
  const full = (host: string, count: number, what: string): Finding =>
    findingAt(network, "$.metadata.name", {
      code: "limit-exceeded",
      message: `floods to ${count} ${what} from host ${host}, and a list holds ${most}`,
      suggestion: "split the network",
    });
  const findings = members
    .filter((member) => member.ports.length > most)
    .map((member) => full(member.host.key, member.ports.length, "local ports"));
  if (members.length <= most) return findings;
  for (const { host } of members) {
    const lists = Map.groupBy(members, (other) => encapsulationBetween(network, host, other.host));
    for (const [encapsulation, list] of lists) {
      const others = list.filter((other) => other.host !== host).length;
      if (others > most) return [...findings, full(host.key, others, `${encapsulation} peers`)];
    }
  }
  return findings;
}
