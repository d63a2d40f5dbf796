/**
 * What a host knows of those who send to it: the lookups of datapath/from-underlay.bpf.c, answered from the host's
 * compiled rows, or, where there is no intent to hold a frame against, by a host that everything is meant for.
 */
import { isLegalVsid } from "../base/vsid.ts";
import type { AdmitRow, EncapsulationName, Row, VniInRow } from "../rows/rows.ts";
import type { Station } from "./fdb.ts";

/** Addresses and MACs as text in canonical form. Null: no row. */
export interface UnderlayTables {
  readonly vxlanPort: number;
  /** Of the fabric's distributed gateways; null: none. */
  readonly gatewayMac: string | null;
  /** A tunnel address of the host, or an underlay group that it is in. */
  vtep(address: string): ReceivingAddress | null;
  vniIn(vtep: string, encapsulation: EncapsulationName, vni: number): ReceivingNetwork | null;
  peerIn(address: string): number | null;
  admit(peer: number, network: number): Admission | null;
  fdb(network: number, mac: string): Station | null;
  /** How many MACs the network has learned. */
  learnedCount(network: number): number;
  /** The network of a port of this host. */
  networkOfPort(port: number): number | null;
  /** Ports of this host that a frame to all of the network goes to. */
  localPorts(network: number): readonly number[];
}

export type Admission = Pick<AdmitRow, "dscpKeep" | "group" | "learns">;

export interface ReceivingAddress {
  /** Another overlay uses it too. */
  readonly shared: boolean;
  readonly isGroup: boolean;
}

export interface ReceivingNetwork
  extends Pick<VniInRow, "network" | "mtu" | "unknownUnicast" | "dscp" | "learning"> {
  /** Whether inner frames may carry tags: no network of this version. RFC 7348 section 6.1 leaves it open. */
  readonly innerTags: "drop" | "keep";
}

export function tablesOf(rows: readonly Row[]): UnderlayTables {
  let vxlanPort = 0;
  let gatewayMac: string | null = null;
  const vteps = new Map<string, ReceivingAddress>();
  const networks = new Map<string, ReceivingNetwork>();
  const peers = new Map<string, number>();
  const admitted = new Map<string, Admission>();
  const fdb = new Map<string, Station>();
  const ports = new Map<number, number>();
  const receivers = new Map<number, readonly number[]>();
  for (const row of rows) {
    if (row.table === "settings") ({ vxlanPort, gatewayMac } = row);
    else if (row.table === "vtep") vteps.set(row.address, { shared: row.shared, isGroup: false });
    else if (row.table === "multicast") vteps.set(row.group, { shared: row.shared, isGroup: true });
    else if (row.table === "vni_in")
      networks.set(`${row.vtep} ${row.encapsulation} ${row.vni}`, { ...row, innerTags: "drop" });
    else if (row.table === "peer_in") peers.set(row.address, row.peer);
    else if (row.table === "admit") admitted.set(`${row.peer} ${row.network}`, row);
    else if (row.table === "fdb")
      fdb.set(`${row.network} ${row.mac}`, { ...row, freshUntilSeconds: null });
    else if (row.table === "port") ports.set(row.port, row.network);
    else if (row.table === "flood") receivers.set(row.network, row.local);
  }
  return {
    vxlanPort,
    gatewayMac,
    vtep: (address: string) => vteps.get(address) ?? null,
    vniIn: (vtep: string, encapsulation: EncapsulationName, vni: number) =>
      networks.get(`${vtep} ${encapsulation} ${vni}`) ?? null,
    peerIn: (address: string) => peers.get(address) ?? null,
    admit: (peer: number, network: number) => admitted.get(`${peer} ${network}`) ?? null,
    fdb: (network: number, mac: string) => fdb.get(`${network} ${mac}`) ?? null,
    learnedCount: () => 0,
    networkOfPort: (port: number) => ports.get(port) ?? null,
    localPorts: (network: number) => receivers.get(network) ?? [],
  };
}

/**
 * A host that every destination is an address of, with every VNI and every legal VSID, every source admitted, no MTU,
 * and every MAC behind a port of its own.
 */
export function openTables(options: {
  readonly vxlanPort: number;
  /** Of VXLAN; NVGRE forbids inner tags outright (RFC 7637 section 3.3). */
  readonly innerTags: ReceivingNetwork["innerTags"];
}): UnderlayTables {
  const openNetwork = (encapsulation: EncapsulationName, network: number): ReceivingNetwork => ({
    network,
    mtu: Number.POSITIVE_INFINITY,
    unknownUnicast: "flood",
    dscp: "uniform",
    learning: null,
    innerTags: encapsulation === "vxlan" ? options.innerTags : "drop",
  });
  return {
    vxlanPort: options.vxlanPort,
    gatewayMac: null,
    vtep: () => ({ shared: false, isGroup: false }),
    vniIn: (_vtep: string, encapsulation: EncapsulationName, vni: number) =>
      encapsulation === "nvgre" && !isLegalVsid(vni) ? null : openNetwork(encapsulation, vni),
    peerIn: () => 1,
    admit: () => ({ dscpKeep: false, group: null, learns: false }),
    fdb: (network: number) => ({ kind: "port", target: network, freshUntilSeconds: null }),
    learnedCount: () => 0,
    networkOfPort: (port: number) => port,
    localPorts: (network: number) => [network],
  };
}
