/** What an operator wants, as read: objects by key, each with the place where it stands; and findings about it. */
import type { FindingCode } from "./finding.ts";
import type {
  FabricDocument,
  HostDocument,
  NetworkDocument,
  PoolDocument,
  PortDocument,
  RouterDocument,
  TenantDocument,
} from "./schema/kinds.ts";

/** Both count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Where a document stands. */
export interface Source {
  readonly file: string;
  /** By path ("$.spec.vni") the place of its key, or of the item in a list. Slow: only findings ask. */
  readonly readPlaces: () => ReadonlyMap<string, Place>;
}

interface Declaration {
  /** "tenant/name"; the bare name for objects without a tenant. */
  readonly key: string;
  readonly source: Source;
}

export type Fabric = Declaration & FabricDocument;
export type Pool = Declaration & PoolDocument;
export type Tenant = Declaration & TenantDocument;
export type Host = Declaration & HostDocument;
export type Network = Declaration & NetworkDocument;
export type Port = Declaration & PortDocument;
export type Router = Declaration & RouterDocument;
export type IntentObject = Fabric | Pool | Tenant | Host | Network | Port | Router;

/** What numbers.yaml records. */
export interface RecordedNumbers {
  /** By "tenant/network", and "router tenant/name". */
  readonly numbersByName: ReadonlyMap<string, number>;
  /** Numbers not to be given again: by number, the name of what had it. */
  readonly restingByNumber: ReadonlyMap<number, string>;
}

/** Maps are in the order of their keys, whatever the order of documents and files. */
export interface Intent {
  readonly files: readonly string[];
  readonly fabrics: ReadonlyMap<string, Fabric>;
  readonly pools: ReadonlyMap<string, Pool>;
  readonly tenants: ReadonlyMap<string, Tenant>;
  readonly hosts: ReadonlyMap<string, Host>;
  readonly networks: ReadonlyMap<string, Network>;
  readonly ports: ReadonlyMap<string, Port>;
  readonly routers: ReadonlyMap<string, Router>;
  readonly recorded: RecordedNumbers;
  /** Objects ("Network org-a/training") that are there but could not be read, or not as one. */
  readonly broken: ReadonlySet<string>;
}

export interface ObjectName {
  readonly kind: string;
  readonly tenant: string | null;
  readonly name: string;
}

/** Something wrong, or doubtful, with an intent. One shape everywhere. */
export interface Finding {
  readonly severity: "error" | "warning";
  readonly code: FindingCode;
  readonly object: ObjectName | null;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly message: string;
  /** What to write or do instead. */
  readonly suggestion: string | null;
}
