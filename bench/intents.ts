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

/** One network with a workload on the first host and very many endpoints on the second, which is not ours. */
export const crowdedIntent = (bed: Bed, endpoints: number): string =>
  textOf([
    ...fabric(bed, "vxlan", [2]),
    network("crowd", { subnets: ["10.0.0.0/8"], encapsulations: ["vxlan"], vni: VNI }),
    port(bed, 1, "crowd"),
    ...Array.from({ length: endpoints }, (_, i) => ({
      kind: "Port",
      metadata: { name: `e${i}`, tenant: TENANT },
      spec: {
        network: "crowd",
        host: "h2",
        mac: `02:01:${octetsOf(i)
          .map((octet) => octet.toString(16).padStart(2, "0"))
          .join(":")}`,
        addresses: [`10.${octetsOf(i).slice(1).join(".")}`],
      },
    })),
  ]);

/** Four of them, beyond the addresses of workloads. */
const octetsOf = (i: number): readonly number[] =>
  [24, 16, 8, 0].map((shift) => ((i + 2 ** 18) >>> shift) & 255);

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
