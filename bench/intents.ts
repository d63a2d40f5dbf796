/** The intents that weft runs with on the bed. */
import {
  type Bed,
  gatewayAddress,
  type Side,
  sides,
  subnetOf,
  uplinkAddress,
  workloadAddress,
  workloadMac,
} from "./bed.ts";
import type { Encapsulation } from "./contender.ts";

const VNI = 11000;
const L3VNI = 12000;
const TENANT = "bench";

/** One network with both workloads. */
export const bridgedIntent = (bed: Bed, encapsulation: Encapsulation): string =>
  textOf([
    ...fabric(bed, encapsulation),
    network("wire", { subnets: ["10.1.0.0/24"], encapsulations: [encapsulation], vni: VNI }),
    ...sides.map((side) => port(bed, side, "wire")),
  ]);

export type Irb = "symmetric" | "asymmetric";

export interface Routing {
  readonly encapsulation: Encapsulation;
  readonly irb: Irb;
  /** Prefixes that are behind the second workload. */
  readonly prefixes: readonly string[];
}

/** A network for each workload, and a router that joins them. */
export const routedIntent = (bed: Bed, { encapsulation, irb, prefixes }: Routing): string =>
  textOf([
    ...fabric(bed, encapsulation),
    ...sides.map((side) =>
      network(`side-${side}`, {
        subnets: [subnetOf(side)],
        gateways: [gatewayAddress(side)],
        encapsulations: [encapsulation],
        vni: VNI + side,
      }),
    ),
    {
      kind: "Router",
      metadata: { name: "middle", tenant: TENANT },
      spec: {
        networks: sides.map((side) => `side-${side}`),
        l3vni: L3VNI,
        encapsulations: [encapsulation],
        irb,
        routes: prefixes.map((prefix) => ({ prefix, via: workloadAddress(bed, 2) })),
      },
    },
    ...sides.map((side) => port(bed, side, `side-${side}`)),
  ]);

/** Endpoints of one crowded network on one host: fewer than a flood list holds. */
const CROWD = 500;

export const crowdsOf = (endpoints: number): number => Math.ceil(endpoints / CROWD);
/** The first host's interface on a crowded network. */
export const crowdInterface = (crowd: number): string => `crowd-${crowd}`;

/** Very many endpoints on the second host, which is not ours, in networks that the first host has a port on, too. */
export function crowdedIntent(bed: Bed, endpoints: number): string {
  const documents = [...fabric(bed, "vxlan", [2])];
  for (let crowd = 0; crowd < crowdsOf(endpoints); crowd++) {
    const name = `crowd-${crowd}`;
    const member = (i: number, where: object): object => ({
      kind: "Port",
      metadata: { name: `${name}-${i}`, tenant: TENANT },
      spec: { network: name, mac: `02:01:00:00:${hex(i >>> 8)}:${hex(i & 255)}`, ...where },
    });
    documents.push(
      network(name, { encapsulations: ["vxlan"], vni: VNI + crowd }),
      member(0, { host: "h1", interface: crowdInterface(crowd), attachment: "veth" }),
    );
    const size = Math.min(CROWD, endpoints - crowd * CROWD);
    for (let i = 1; i <= size; i++) documents.push(member(i, { host: "h2" }));
  }
  return textOf(documents);
}

const hex = (octet: number): string => octet.toString(16).padStart(2, "0");

function fabric(
  bed: Bed,
  encapsulation: Encapsulation,
  unmanaged: readonly Side[] = [],
): readonly object[] {
  return [
    { kind: "Fabric", metadata: { name: "bench" }, spec: { numbering: "nvgre-safe" } },
    { kind: "Tenant", metadata: { name: TENANT }, spec: {} },
    ...sides.map((side) => ({
      kind: "Host",
      metadata: { name: `h${side}` },
      spec: {
        uplinks: [{ interface: "uplink", mtu: bed.mtu }],
        vteps: [uplinkAddress(side)],
        encapsulations: [encapsulation],
        ...(unmanaged.includes(side) ? { managed: false } : {}),
      },
    })),
  ];
}

const network = (name: string, spec: object): object => ({
  kind: "Network",
  metadata: { name, tenant: TENANT },
  spec,
});

const port = (bed: Bed, side: Side, of: string): object => ({
  kind: "Port",
  metadata: { name: `w${side}`, tenant: TENANT },
  spec: {
    network: of,
    host: `h${side}`,
    interface: "port",
    attachment: "veth",
    mac: workloadMac(side),
    addresses: [workloadAddress(bed, side)],
  },
});

/** JSON is YAML. */
const textOf = (documents: readonly object[]): string =>
  documents
    .map((document) => JSON.stringify({ apiVersion: "weft.network/v1alpha1", ...document }))
    .join("\n---\n");
