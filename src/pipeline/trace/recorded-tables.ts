/** Tables that tell what they are asked, and what they answer: the same lookups, written down. */
import { formatIp, type IpAddress, type IpFamily } from "../../base/ip.ts";
import type { FloodRow } from "../../rows/rows.ts";
import type { HostTables, Place } from "../host-tables.ts";
import type { PortTables } from "../port-tables.ts";
import type { UnderlayTables } from "../underlay-tables.ts";

export type Field =
  | string
  | number
  | boolean
  | null
  | readonly Field[]
  | { readonly [name: string]: Field };

export type Fields = Readonly<Record<string, Field>>;

/** One lookup. `row` null: a miss. */
export interface Lookup {
  /** As in datapath/maps.h. */
  readonly table: string;
  readonly key: Fields;
  readonly row: Fields | null;
}

type Recorder = (lookup: Lookup) => void;

/** Writes down a lookup in `table`: `names` are its key's, `show` makes fields of what is found, null of a miss. */
class Teller {
  readonly #record: Recorder;

  constructor(record: Recorder) {
    this.#record = record;
  }

  tell<Key extends readonly (string | number)[], Found>(
    [table, ...names]: readonly [string, ...string[]],
    lookup: (...key: Key) => Found,
    show: (found: Found) => Fields | null,
  ): (...key: Key) => Found {
    return (...key: Key): Found => {
      const found = lookup(...key);
      const fields = Object.fromEntries(names.map((name, i) => [name, key[i] ?? null]));
      this.#record({ table, key: fields, row: show(found) });
      return found;
    };
  }
}

const placeFields = (place: Place | null): Fields | null =>
  place && {
    ...{ kind: place.kind, target: place.target, network: place.network, mac: place.mac },
    ...{ byRouter: place.byRouter, mtu: place.mtu },
  };

function recordedHost(tables: HostTables, record: Recorder): HostTables {
  const told = new Teller(record);
  return {
    ...tables,
    fdb: told.tell(
      ["fdb", "network", "mac"],
      tables.fdb,
      (found) => found && { kind: found.kind, target: found.target },
    ),
    networkOfPort: told.tell(["port", "port"], tables.networkOfPort, (network) =>
      network === null ? null : { network },
    ),
    group: told.tell(["group", "group"], tables.group, (members) =>
      members.length === 0
        ? null
        : {
            members: members.map(({ peer, encapsulation, vni, weight }) => ({
              ...{ peer, encapsulation, vni, weight },
            })),
          },
    ),
    peer: told.tell(
      ["peer", "peer"],
      tables.peer,
      (peer) =>
        peer && {
          ...{ family: peer.family, local: peer.local, remote: peer.remote },
          routerMac: peer.routerMac,
        },
    ),
    host: told.tell(["host", "space", "address"], tables.host, placeFields),
    lengths: told.tell<[number, IpFamily], readonly number[]>(
      ["space", "space", "family"],
      tables.lengths,
      (lengths) => (lengths.length === 0 ? null : { lengths }),
    ),
    route: told.tell(["route", "space", "prefix"], tables.route, placeFields),
    gateway: told.tell(
      ["gateway", "network"],
      tables.gateway,
      (gateway) => gateway && { ipv4: gateway.ipv4, ipv6: gateway.ipv6 },
    ),
  };
}

const floodFields = (row: FloodRow | null): Fields | null =>
  row && {
    local: row.local,
    peers: row.lists.map(({ encapsulation, family, members }) => ({
      ...{ encapsulation, family, peers: members.map(({ peer }) => peer) },
    })),
  };

export function recordedPort(tables: PortTables, record: Recorder): PortTables {
  const told = new Teller(record);
  const isSource = (port: number, address: IpAddress): boolean =>
    told.tell(
      ["source", "port", "address"],
      (_port: number, _address: string) => tables.isSource(port, address),
      (isCovered) => (isCovered ? {} : null),
    )(port, formatIp(address));
  return {
    ...tables,
    ...recordedHost(tables, record),
    attach: told.tell(
      ["attach", "interface"],
      tables.attach,
      (row) =>
        row && {
          ...{ port: row.port, network: row.network, mac: row.mac, mtu: row.mtu },
          ...{ space: row.space, routed: row.routed },
        },
    ),
    isSource,
    flood: told.tell(["flood", "network"], tables.flood, floodFields),
  };
}

export function recordedUnderlay(tables: UnderlayTables, record: Recorder): UnderlayTables {
  const told = new Teller(record);
  return {
    ...tables,
    ...recordedHost(tables, record),
    vtep: told.tell(
      ["vtep", "address"],
      tables.vtep,
      (own) => own && { shared: own.shared, group: own.isGroup },
    ),
    vniIn: told.tell(
      ["vni_in", "vtep", "encapsulation", "vni"],
      tables.vniIn,
      (row) =>
        row && {
          ...{ network: row.network, mtu: row.mtu, space: row.space },
          ...{ router: row.isRouter, gateway: row.isGateway },
        },
    ),
    peerIn: told.tell(["peer_in", "address"], tables.peerIn, (peer) =>
      peer === null ? null : { peer },
    ),
    admit: told.tell(
      ["admit", "peer", "network"],
      tables.admit,
      (row) => row && { group: row.group, learns: row.learns, dscpKeep: row.dscpKeep },
    ),
    localPorts: told.tell(["flood", "network"], tables.localPorts, (ports) =>
      ports.length === 0 ? null : { local: ports },
    ),
  };
}
