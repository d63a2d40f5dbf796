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

function fabric(bed: Bed, encapsulation: Encapsulation): readonly object[] {
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
