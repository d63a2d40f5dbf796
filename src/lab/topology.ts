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
  /** Routers between hosts and bridge; none: the hosts are in the bridge. */
  readonly spines: readonly LabSpine[];
}

export interface LabSpine {
  readonly name: string;
  readonly namespace: string;
  /** One for each host. */
  readonly links: readonly SpineLink[];
  readonly routes: readonly LabRoute[];
  readonly edge: SpineEdge;
}

/** The spine's end of a link to a host. */
export interface SpineLink {
  readonly interface: string;
  readonly host: string;
  readonly hostInterface: string;
  /** "address/bits". */
  readonly addresses: readonly string[];
}

/** The spine's place in the bridge, where strangers are. */
interface SpineEdge {
  readonly interface: string;
  readonly bridgePort: string;
  /** What is on the bridge, but for what is elsewhere. */
  readonly prefixes: readonly string[];
  /** Addresses of hosts that the spine answers for there. */
  readonly answersFor: readonly string[];
}

export interface LabRoute {
  /** An address or a prefix. */
  readonly to: string;
  /** Address to send from; null: as the kernel likes. */
  readonly source: string | null;
  readonly nextHops: readonly {
    readonly via: string;
    readonly interface: string;
    readonly weight: number;
  }[];
}

export interface LabUplink {
  readonly interface: string;
  readonly mac: string;
  readonly mtu: number;
  /** "address/bits". */
  readonly addresses: readonly string[];
  /** The other end: in the underlay bridge, or at a spine. */
  readonly far: { readonly namespace: string; readonly interface: string };
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
  /** On the loopback, "address/bits". */
  readonly loopback: readonly string[];
  /** Tunnel addresses of other hosts that no prefix of ours covers, and no spine is asked for. */
  readonly onLink: readonly string[];
  readonly routes: readonly LabRoute[];
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

const routes: z.ZodType<readonly LabRoute[]> = z.array(
  z.strictObject({
    to: z.string(),
    source: z.string().nullable(),
    nextHops: z.array(z.strictObject({ via: z.string(), interface: z.string(), weight: z.int() })),
  }),
);

const spine: z.ZodType<LabSpine> = z.strictObject({
  name: z.string(),
  namespace: z.string(),
  links: z.array(
    z.strictObject({
      interface: z.string(),
      host: z.string(),
      hostInterface: z.string(),
      addresses: texts,
    }),
  ),
  routes,
  edge: z.strictObject({
    interface: z.string(),
    bridgePort: z.string(),
    prefixes: texts,
    answersFor: texts,
  }),
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
      far: z.strictObject({ namespace: z.string(), interface: z.string() }),
    }),
  ),
  vteps: texts,
  loopback: texts,
  onLink: texts,
  routes,
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
    spines: z.array(spine),
  }),
  hosts: z.array(host),
  ports: z.array(port),
});
