/**
 * What a host knows of those who send to it: the lookups of datapath/from-underlay.bpf.c, answered from the host's
 * compiled rows, or, where there is no intent to hold a frame against, by a host that everything is meant for.
 */
import { isLegalVsid } from "../base/vsid.ts";
import type { AdmitRow, EncapsulationName, Row, VniInRow } from "../rows/rows.ts";
import { DECLARED } from "./fdb.ts";
import { type HostTables, hostTablesOf, type WaysByRemote } from "./host-tables.ts";

/** Addresses and MACs as text in canonical form. Null: no row. */
export interface UnderlayTables extends HostTables {
  /** A tunnel address of the host, or an underlay group that it is in. */
  vtep(address: string): ReceivingAddress | null;
  vniIn(vtep: string, encapsulation: EncapsulationName, vni: number): ReceivingNetwork | null;
  peerIn(address: string): number | null;
  admit(peer: number, network: number): Admission | null;
  /** How many MACs the network has learned. */
  learnedCount(network: number): number;
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
  extends Omit<VniInRow, "table" | "vtep" | "encapsulation" | "vni"> {
  /** Whether inner frames may carry tags: no network of this version. RFC 7348 section 6.1 leaves it open. */
  readonly innerTags: "drop" | "keep";
}

export function underlayTablesOf(rows: readonly Row[], waysByRemote: WaysByRemote): UnderlayTables {
  const vteps = new Map<string, ReceivingAddress>();
  const networks = new Map<string, ReceivingNetwork>();
  const peers = new Map<string, number>();
  const admitted = new Map<string, Admission>();
  const receivers = new Map<number, readonly number[]>();
  for (const row of rows) {
    if (row.table === "vtep") vteps.set(row.address, { shared: row.shared, isGroup: false });
    else if (row.table === "multicast") vteps.set(row.group, { shared: row.shared, isGroup: true });
    else if (row.table === "vni_in")
      networks.set(`${row.vtep} ${row.encapsulation} ${row.vni}`, { ...row, innerTags: "drop" });
    else if (row.table === "peer_in") peers.set(row.address, row.peer);
    else if (row.table === "admit") admitted.set(`${row.peer} ${row.network}`, row);
    else if (row.table === "flood") receivers.set(row.network, row.local);
  }
  return {
    ...hostTablesOf(rows, waysByRemote),
    vtep: (address: string) => vteps.get(address) ?? null,
    vniIn: (vtep: string, encapsulation: EncapsulationName, vni: number) =>
      networks.get(`${vtep} ${encapsulation} ${vni}`) ?? null,
    peerIn: (address: string) => peers.get(address) ?? null,
    admit: (peer: number, network: number) => admitted.get(`${peer} ${network}`) ?? null,
    learnedCount: () => 0,
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
    isRouter: false,
    isGateway: false,
    mssClamp: false,
    space: network,
    owner: 0,
    innerTags: encapsulation === "vxlan" ? options.innerTags : "drop",
  });
  return {
    ...NOWHERE,
    vxlanPort: options.vxlanPort,
    vtep: () => ({ shared: false, isGroup: false }),
    vniIn: (_vtep: string, encapsulation: EncapsulationName, vni: number) =>
      encapsulation === "nvgre" && !isLegalVsid(vni) ? null : openNetwork(encapsulation, vni),
    peerIn: () => 1,
    admit: () => ({ dscpKeep: false, group: null, learns: false }),
    fdb: (network: number) => ({
      ...{ kind: "port", target: network, ...DECLARED },
    }),
    learnedCount: () => 0,
    networkOfPort: (port: number) => port,
    localPorts: (network: number) => [network],
  };
}

/** No peers and no routers. */
const NOWHERE: HostTables = hostTablesOf([], new Map());
