/**
 * Where addresses are, as this host finds out by itself: what ports show, what hosts answer that were asked, and the
 * `host` rows that come of it (ROUTE_DISCOVERED). The rows are ours to write and to remove and nobody's drift; they end
 * at their time by themselves, with us dead or alive, and are taken over by whoever runs after us.
 */
import { formatIp, fromMapped, mappedOctets, parseIp } from "../base/ip.ts";
import { parseMac } from "../base/mac.ts";
import { invariant, unreachable } from "../base/result.ts";
import {
  Directory,
  type DirectoryAction,
  type Refusals,
  type Subject,
} from "../endpoints/directory.ts";
import type { Claim } from "../endpoints/endpoint.ts";
import { questionFor } from "../endpoints/question.ts";
import { sightingIn } from "../endpoints/sighting.ts";
import { monotonicMs, monotonicNs } from "../io/clock.ts";
import { log } from "../io/log.ts";
import type { BpfMap } from "../kernel/bpf.ts";
import { ROUTE_FLAG } from "../rows/abi.generated.ts";
import { integerOf, octetsOf, pack } from "../rows/pack.ts";
import type { Row } from "../rows/rows.ts";
import { EndpointRows } from "./endpoint-rows.ts";
import { isLearned } from "./entries.ts";

/** What goes out by the slow path. */
export type Question =
  | { readonly do: "send-from-port"; readonly port: number; readonly frame: Uint8Array }
  | { readonly do: "send-to-port"; readonly port: number; readonly frame: Uint8Array }
  | { readonly do: "send-to-network"; readonly network: number; readonly frame: Uint8Array }
  | { readonly do: "send-to-group"; readonly group: number; readonly frame: Uint8Array };

/** A frame that the datapath has handed over: the inner one, from its Ethernet header on. */
export interface Handed {
  /** It came from this peer; 0: from a port. */
  readonly peer: number;
  /** Of the port, or that its number means. */
  readonly network: number;
  readonly space: number;
  readonly frame: Uint8Array;
}

export class Endpoints {
  readonly #host: string;
  readonly #map: BpfMap;
  readonly #directory: Directory = new Directory();
  readonly #readRows: () => readonly Row[];
  #rows: EndpointRows = new EndpointRows([]);
  /** The rows are others than `#rows` was made of. */
  #isStale: boolean = true;
  /** Nothing has been read yet of what an earlier life has left. */
  #isFresh: boolean = true;

  /** `map` is the table of hosts. */
  constructor(host: string, map: BpfMap, readRows: () => readonly Row[]) {
    this.#host = host;
    this.#map = map;
    this.#readRows = readRows;
  }

  get refusals(): Readonly<Refusals> {
    return this.#directory.refusals;
  }

  /** The intent's rows are others now. They are read when there is something to do with them. */
  changed(): void {
    this.#isStale = true;
  }

  #settle(): void {
    if (!this.#isStale) return;
    this.#isStale = false;
    this.#rows = new EndpointRows(this.#readRows());
    if (this.#isFresh) this.#inherit();
    this.#isFresh = false;
    this.#apply(this.#directory.rebase(this.#rows.ground, monotonicMs()));
  }

  /** A port of ours has sent `frame`. */
  seenAt(port: number, frame: Uint8Array): readonly Question[] {
    this.#settle();
    const at = this.#rows.port(port);
    return at ? this.#see(at.space, { kind: "port", id: port, network: at.network }, frame) : [];
  }

  /** Another host has answered us, or has shown what it need not have. */
  seenBehind({ peer, network, space, frame }: Handed): readonly Question[] {
    this.#settle();
    const group = this.#rows.groupTo(peer, network);
    return group === null ? [] : this.#see(space, { kind: "group", id: group, network }, frame);
  }

  /** A packet goes to an address that nobody has shown. */
  sought({ space, frame }: Handed): readonly Question[] {
    this.#settle();
    const address = destinationOf(frame);
    const network = address && this.#rows.networkOf(space, address);
    if (!network) return [];
    const subject = { space, address };
    return this.#apply(this.#directory.sought(subject, network, monotonicMs()));
  }

  /** To be called every second or so. */
  wake(): readonly Question[] {
    if (!this.#isFresh && this.#directory.isEmpty) return [];
    this.#settle();
    return this.#apply(this.#directory.wake(monotonicMs()));
  }

  list(): readonly object[] {
    this.#settle();
    return this.#rows.list(this.#host, this.#directory.known);
  }

  #see(space: number, place: Omit<Claim, "mac">, frame: Uint8Array): readonly Question[] {
    const seen = sightingIn(frame);
    if (!seen) return [];
    const { address, mac, overrides } = seen;
    const claim = { ...place, mac };
    return this.#apply(this.#directory.seen({ space, address }, claim, overrides, monotonicMs()));
  }

  #apply(actions: readonly DirectoryAction[]): readonly Question[] {
    return actions.flatMap((action) => {
      switch (action.do) {
        case "write":
          this.#write(action, action.claim, action.freshUntil);
          return [];
        case "remove":
          this.#remove(action);
          return [];
        case "ask":
          return this.#questionTo(action, action.claim);
        case "search":
          return this.#questionToAll(action, action.network);
        case "tell-move":
          this.#tellMove(action, action.moves, [action.from, action.to]);
          return [];
        default:
          return unreachable(action);
      }
    });
  }

  #tellMove({ space, address }: Subject, moves: number, claims: readonly Claim[]): void {
    const [from, to] = claims.map((claim) => `${this.#rows.nameOf(claim)} ${claim.mac}`);
    log("warning", "an address is somewhere else now", { space, address, from, to, moves });
  }

  #questionTo({ address }: Subject, claim: Claim): readonly Question[] {
    const frame = this.#question(address, claim.mac);
    if (!frame) return [];
    return claim.kind === "port"
      ? [{ do: "send-to-port", port: claim.id, frame }]
      : [{ do: "send-to-group", group: claim.id, frame }];
  }

  #questionToAll({ address }: Subject, network: number): readonly Question[] {
    const frame = this.#question(address, null);
    return frame ? [{ do: "send-to-network", network, frame }] : [];
  }

  /** Null: this host has no router, and so no MAC that an answer would find. */
  #question(address: string, to: string | null): Uint8Array | null {
    const [ip, asker] = [parseIp(address), parseMac(this.#rows.routerMac ?? "")];
    return ip && asker && questionFor(ip, asker, to === null ? null : parseMac(to));
  }

  /** What an earlier life has learned; what of it is over, or leads nowhere any more, is removed. */
  #inherit(): void {
    const entries = this.#map.entries();
    if (!entries.ok) {
      log("error", "discovered addresses are not read", { ...entries.error });
      return;
    }
    const [nowMs, nowNs] = [monotonicMs(), monotonicNs()];
    for (const [key, row] of entries.value) {
      if (!isLearned("host", row)) continue;
      const freshUntilNs = integerOf("routeRow", row, "freshUntilNs");
      const address = formatIp(fromMapped(octetsOf("hostKey", key, "address")));
      const subject = { space: integerOf("hostKey", key, "space"), address };
      const claim = this.#rows.claimIn(row);
      const leftMs = (freshUntilNs - Number(nowNs)) / 1e6;
      if (claim && leftMs > 0) this.#directory.inherit(subject, claim, nowMs + leftMs);
      else this.#remove(subject);
    }
  }

  #write(subject: Subject, claim: Claim, freshUntilMs: number): void {
    const key = hostKey(subject);
    const there = this.#map.get(key);
    // What is declared has come meanwhile: the directory will hear of it.
    if (there && !isLearned("host", there)) return;
    const way = this.#rows.wayTo(claim);
    if (!way) return;
    const leftNs = BigInt(Math.round((freshUntilMs - monotonicMs()) * 1e6));
    const row = pack("routeRow", {
      ...way,
      mac: parseMac(claim.mac) ?? new Uint8Array(6),
      flags: ROUTE_FLAG.ROUTE_DISCOVERED | way.flags,
      ageSeconds: Math.round(this.#rows.lifeMsOf(claim.network) / 1000),
      freshUntilNs: monotonicNs() + leftNs,
    });
    const done = this.#map.set(key, row);
    if (!done.ok) log("error", "an address is not written", { ...subject, ...done.error });
  }

  #remove(subject: Subject): void {
    const key = hostKey(subject);
    const there = this.#map.get(key);
    if (!there || !isLearned("host", there)) return;
    const done = this.#map.delete(key);
    if (!done.ok) log("error", "an address is not removed", { ...subject, ...done.error });
  }
}

function hostKey({ space, address }: Subject): Uint8Array {
  const ip = parseIp(address);
  invariant(ip !== null, `no address: ${address}`);
  return pack("hostKey", { space, address: mappedOctets(ip) });
}

/** Of an IP packet in an Ethernet frame; null: it is none. */
function destinationOf(frame: Uint8Array): string | null {
  const type = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
  const [at, octets] = type === 0x0800 ? [30, 4] : type === 0x86dd ? [38, 16] : [0, 0];
  return octets > 0 && frame.length >= at + octets
    ? formatIp({ octets: frame.subarray(at, at + octets) })
    : null;
}
