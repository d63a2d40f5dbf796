/**
 * Every kind of object that this version acts on, written once: validation, `weft explain` and JSON Schema
 * come from here. A field with a default says it; any other field without "required" may be left out.
 * The first value of a choice is its default.
 */
import { z } from "zod";
import { apiVersion, encapsulation, metadata, tenantMetadata } from "./common.ts";
import { routerSchema } from "./router.ts";
import {
  address,
  addressOrPrefix,
  distinct,
  interfaceName,
  mac,
  name,
  prefix,
  range,
  reference,
} from "./scalar.ts";

const learning = z.enum(["static", "flood-and-learn", "evpn"]);
const asn = z.int().min(1).max(0xffff_ffff);
const replicas = z
  .int()
  .min(1)
  .max(1_000_000)
  .describe(
    "Replicas of broadcast, multicast and unknown unicast frames a second; left out: no limit.",
  );

export const fabricSchema = z.strictObject({
  apiVersion,
  kind: z.literal("Fabric"),
  metadata,
  spec: z
    .strictObject({
      numbering: z
        .enum(["rfc", "vlan-compatible", "nvgre-safe"])
        .default("rfc")
        .describe("Which network numbers are legal."),
      vxlanPort: z
        .int()
        .min(1)
        .max(0xffff)
        .default(4789)
        .describe("UDP destination port of VXLAN (RFC 7348 §5)."),
      learning: learning
        .exactOptional()
        .describe("Where remote MACs come from: evpn if reflectors are named, else static."),
      reflectors: z
        .array(z.strictObject({ address, asn }))
        .exactOptional()
        .describe("BGP route reflectors."),
      asn: asn.exactOptional().describe("The fabric's own AS number."),
      gatewayMac: mac.exactOptional().describe("The MAC of every distributed gateway."),
    })
    .prefault({}),
});

export const poolSchema = z.strictObject({
  apiVersion,
  kind: z.literal("Pool"),
  metadata,
  spec: z
    .strictObject({
      numbers: z
        .enum(["vni", "vsid", "l3vni", "group", "address"])
        .describe(
          "What it holds: vni for networks that allow VXLAN, vsid for networks that allow NVGRE, l3vni for routers.",
        ),
      ranges: distinct(range).min(1).exactOptional().describe('Numbers: "10000-19999" or "42".'),
      prefixes: distinct(prefix).min(1).exactOptional().describe("Addresses."),
    })
    .superRefine((spec, context) => {
      const [wanted, other] =
        spec.numbers === "address"
          ? (["prefixes", "ranges"] as const)
          : (["ranges", "prefixes"] as const);
      const message = `a pool of ${spec.numbers} has ${wanted}`;
      if (spec[wanted] === undefined)
        context.addIssue({ code: "custom", path: ["numbers"], message });
      if (spec[other] !== undefined)
        context.addIssue({ code: "custom", path: [other], message: `${message}, not ${other}` });
    }),
});

export const tenantSchema = z.strictObject({
  apiVersion,
  kind: z.literal("Tenant"),
  metadata,
  spec: z
    .strictObject({
      parent: name.exactOptional().describe("The tenant that it is part of."),
      pools: distinct(name)
        .exactOptional()
        .describe("Where its numbers come from, in order; left out: the parent's."),
      quotas: z
        .record(z.string(), z.int().min(0))
        .exactOptional()
        .describe("The most that it may have, by what."),
    })
    .prefault({}),
});

export const hostSchema = z.strictObject({
  apiVersion,
  kind: z.literal("Host"),
  metadata,
  spec: z.strictObject({
    managed: z
      .boolean()
      .default(true)
      .describe("Runs a weft agent; false: a foreign tunnel endpoint."),
    uplinks: z
      .array(
        z.strictObject({
          interface: interfaceName.describe("The underlay interface."),
          mtu: z
            .int()
            .min(576)
            .max(65535)
            .default(1500)
            .describe("Octets of the largest underlay IP packet."),
          secure: z
            .boolean()
            .default(false)
            .describe("What passes here is encrypted further below."),
        }),
      )
      .min(1)
      .describe("Interfaces towards the underlay."),
    vteps: distinct(address)
      .min(1)
      .describe("Tunnel addresses; the first of a family is the source of that family's packets."),
    sharedAddress: z
      .boolean()
      .default(false)
      .describe(
        "Another overlay on the machine uses the addresses too: its packets go on to the kernel.",
      ),
    encapsulations: distinct(encapsulation)
      .min(1)
      .default(["vxlan", "nvgre"])
      .describe("What it can send and receive."),
    udp6Checksum: z
      .enum(["zero", "full"])
      .default("zero")
      .describe("The outer UDP checksum over IPv6 (RFC 6936)."),
  }),
});

export const networkSchema = z.strictObject({
  apiVersion,
  kind: z.literal("Network"),
  metadata: tenantMetadata,
  spec: z
    .strictObject({
      subnets: distinct(prefix)
        .default([])
        .describe("Prefixes in use on it; none: any address may be used."),
      gateways: distinct(address).exactOptional().describe("The router's addresses on it."),
      encapsulations: distinct(encapsulation)
        .min(1)
        .default(["vxlan"])
        .describe(
          "What may carry it, in order of preference; a peer gets the first that it speaks.",
        ),
      vni: z
        .int()
        .min(0)
        .max(0xffffff)
        .exactOptional()
        .describe("Its number, VNI or VSID; left out: the one in numbers.yaml."),
      underlay: z
        .enum(["ipv4", "ipv6"])
        .default("ipv4")
        .describe("Family of the tunnel addresses that carry it."),
      bum: z
        .enum(["ingress-replication", "multicast"])
        .default("ingress-replication")
        .describe("How broadcast, unknown unicast and multicast reach every host."),
      group: address.exactOptional().describe("The underlay multicast group."),
      learning: learning
        .exactOptional()
        .describe("Where remote MACs come from; left out: as the fabric."),
      ageSeconds: z
        .int()
        .min(1)
        .max(86400)
        .exactOptional()
        .describe(
          "Life of a learned MAC, or of a discovered address, from the last sign of it; left out: 300.",
        ),
      macsMax: z
        .int()
        .min(1)
        .exactOptional()
        .describe("The most MACs that it learns on one host; left out: 4096."),
      unknownUnicast: z
        .enum(["flood", "drop"])
        .default("flood")
        .describe("What becomes of a frame to a MAC that nobody declared."),
      dscp: z
        .enum(["uniform", "pipe"])
        .default("uniform")
        .describe("Outer DSCP is the inner one (uniform) or 0 (pipe), RFC 2983."),
      unknownNeighbours: z
        .enum(["flood", "drop"])
        .default("flood")
        .describe(
          "What becomes of a question (ARP, ND) for an address that nobody is known to have.",
        ),
      mssClamp: z
        .boolean()
        .default(false)
        .describe("TCP connections are told what fits their way (MSS)."),
      bumPps: replicas.exactOptional(),
      tenantTunnels: z
        .enum(["allow", "deny"])
        .default("allow")
        .describe("Workloads may send tunnel packets of their own."),
      inside: z
        .enum(["allow", "deny"])
        .default("allow")
        .describe("Ports of the network may talk to one another without a policy."),
      vlan: z
        .int()
        .min(1)
        .max(4094)
        .exactOptional()
        .describe("The VLAN that it is mapped to (numbering vlan-compatible)."),
    })
    .prefault({}),
});

export const portSchema = z.strictObject({
  apiVersion,
  kind: z.literal("Port"),
  metadata: tenantMetadata,
  spec: z.strictObject({
    network: reference.describe("The network of its tenant that it is attached to."),
    host: name.describe("The host where it is."),
    interface: interfaceName
      .exactOptional()
      .describe("The host's side of the attachment; required on a managed host."),
    attachment: z
      .enum(["veth", "tap", "vlan", "physical"])
      .default("veth")
      .describe("What kind of interface that is."),
    vid: z.int().min(1).max(4094).exactOptional().describe("802.1Q VLAN on the interface."),
    mac: mac.describe("The workload's MAC: the only one that it may send from."),
    addresses: distinct(address)
      .default([])
      .describe("The workload's addresses, of either family."),
    allowedAddresses: distinct(addressOrPrefix)
      .default([])
      .describe(
        "Further addresses and prefixes that it may send from; 0.0.0.0/0 and ::/0: a forwarding workload.",
      ),
    bumPps: replicas.exactOptional(),
    rate: z.unknown().exactOptional().describe("Limits on what it sends."),
  }),
});

export const schemasByKind = {
  Fabric: fabricSchema,
  Pool: poolSchema,
  Tenant: tenantSchema,
  Host: hostSchema,
  Network: networkSchema,
  Port: portSchema,
  Router: routerSchema,
} as const;

export type Kind = keyof typeof schemasByKind;

export const KINDS: readonly Kind[] = [
  "Fabric",
  "Pool",
  "Tenant",
  "Host",
  "Network",
  "Port",
  "Router",
];

/** In the language, and not acted on by this version. */
export const LATER_KINDS: readonly string[] = [
  "Service",
  "External",
  "Group",
  "Policy",
  "Schedule",
  "Test",
];

/** What each kind is, for `weft explain`. */
export const meaningsByKind: Readonly<Record<Kind, string>> = {
  Fabric: "The whole: one an intent.",
  Pool: "Numbers to give out.",
  Tenant: "Who owns networks, ports and routers; its addresses are its own.",
  Host: "A machine that carries tenants' frames: a tunnel endpoint (VTEP, NVE).",
  Network: "One broadcast domain of a tenant, over all hosts where it has ports.",
  Port: "An attached workload: where it is, and what it may send from.",
  Router: "Networks of a tenant that reach one another: an address space of its own (VRF).",
};

export type FabricDocument = z.output<typeof fabricSchema>;
export type PoolDocument = z.output<typeof poolSchema>;
export type TenantDocument = z.output<typeof tenantSchema>;
export type HostDocument = z.output<typeof hostSchema>;
export type NetworkDocument = z.output<typeof networkSchema>;
export type PortDocument = z.output<typeof portSchema>;
export type RouterDocument = z.output<typeof routerSchema>;
