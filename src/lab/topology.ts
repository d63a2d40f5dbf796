/**
 * A lab as data: which namespaces, interfaces and addresses there are. Written to state.json before anything
 * is made, so that whatever was made can be found again. How it is laid out of an intent: layout.ts.
 */
import { z } from "zod";
import type { EncapsulationName } from "../rows/rows.ts";

export interface Underlay {
  readonly namespace: string;
  readonly bridge: string;
  readonly mtu: number;
  /** Addresses that nobody has, for strangers. */
  readonly freeAddresses: readonly string[];
}

export interface LabUplink {
  readonly interface: string;
  readonly mac: string;
  readonly mtu: number;
  /** "address/bits". */
  readonly addresses: readonly string[];
  /** The other end, in the underlay bridge. */
  readonly bridgePort: string;
}

/** A kernel VXLAN device with its bridge: how a foreign host takes part in one network. */
export interface Tunnel {
  readonly vni: number;
  readonly mtu: number;
  readonly device: string;
  readonly bridge: string;
  readonly local: string;
  readonly vxlanPort: number;
  /** Null: a copy to each remote. */
  readonly multicast: { readonly group: string; readonly interface: string } | null;
  readonly remotes: readonly { readonly address: string; readonly macs: readonly string[] }[];
}

export interface LabHost {
  readonly name: string;
  readonly managed: boolean;
  readonly namespace: string;
  readonly uplinks: readonly LabUplink[];
  readonly vteps: readonly string[];
  /** Tunnel addresses of other hosts that no prefix of ours covers. */
  readonly onLink: readonly string[];
  readonly tunnels: readonly Tunnel[];
}

export interface LabPort {
  /** "tenant/name". */
  readonly port: string;
  readonly tenant: string;
  /** Name of the tenant's network. */
  readonly network: string;
  readonly host: string;
  readonly namespace: string;
  readonly interface: string;
  readonly hostInterface: string;
  readonly mac: string;
  readonly mtu: number;
  /** "address/bits". */
  readonly addresses: readonly string[];
  /** Where its default routes lead, one a family; none if its network is not routed. */
  readonly gateways: readonly string[];
  readonly encapsulations: readonly EncapsulationName[];
  readonly vni: number;
  /** On a foreign host: the bridge that the host's side is in. */
  readonly bridge: string | null;
}

export interface Topology {
  readonly underlay: Underlay;
  readonly hosts: readonly LabHost[];
  readonly ports: readonly LabPort[];
}

const texts: z.ZodType<readonly string[]> = z.array(z.string());

const tunnel: z.ZodType<Tunnel> = z.strictObject({
  vni: z.int(),
  mtu: z.int(),
  device: z.string(),
  bridge: z.string(),
  local: z.string(),
  vxlanPort: z.int(),
  multicast: z.strictObject({ group: z.string(), interface: z.string() }).nullable(),
  remotes: z.array(z.strictObject({ address: z.string(), macs: texts })),
});

const host: z.ZodType<LabHost> = z.strictObject({
  name: z.string(),
  managed: z.boolean(),
  namespace: z.string(),
  uplinks: z.array(
    z.strictObject({
      interface: z.string(),
      mac: z.string(),
      mtu: z.int(),
      addresses: texts,
      bridgePort: z.string(),
    }),
  ),
  vteps: texts,
  onLink: texts,
  tunnels: z.array(tunnel),
});

const port: z.ZodType<LabPort> = z.strictObject({
  port: z.string(),
  tenant: z.string(),
  network: z.string(),
  host: z.string(),
  namespace: z.string(),
  interface: z.string(),
  hostInterface: z.string(),
  mac: z.string(),
  mtu: z.int(),
  addresses: texts,
  gateways: texts,
  encapsulations: z.array(z.enum(["vxlan", "nvgre"])),
  vni: z.int(),
  bridge: z.string().nullable(),
});

export const topologySchema: z.ZodType<Topology> = z.strictObject({
  underlay: z.strictObject({
    namespace: z.string(),
    bridge: z.string(),
    mtu: z.int(),
    freeAddresses: texts,
  }),
  hosts: z.array(host),
  ports: z.array(port),
});
