/**
 * All the addresses that a host has come to know by itself, each a machine of its own (endpoint.ts), on the ground of
 * what the intent says: declared addresses are nobody's to learn; in a router's space an address is of the network whose
 * subnet it is in, so that nobody draws another network's packets by claiming an address of it; and one place has so
 * many addresses and no more, so that one tenant cannot take the host's whole table.
 *
 * LIMIT: `wake` looks at every address; it is to be called every second or so, not at each deadline.
 */
import { contains, type IpPrefix, parseIp } from "../base/ip.ts";
import {
  type Claim,
  type EndpointAction,
  type EndpointEvent,
  type EndpointState,
  type Instant,
  inherited,
  nextDeadline,
  type Place,
  step,
} from "./endpoint.ts";

/** What the intent says of it all. */
export interface Ground {
  /** "space address" of what is declared, gateways included. */
  readonly declared: ReadonlySet<string>;
  readonly networks: ReadonlyMap<number, GroundNetwork>;
  /** Places that can have addresses: "port 3", "group 7". */
  readonly places: ReadonlySet<string>;
}

export interface GroundNetwork {
  /** In which its addresses are unique: a router, or itself. */
  readonly space: number;
  /** Of a router's network; an address of a network without a router may be any. */
  readonly subnets: readonly IpPrefix[];
  /** Of an address, from the last sign of it. */
  readonly lifeMs: number;
}

export interface Subject {
  readonly space: number;
  readonly address: string;
}

export type DirectoryAction = EndpointAction & Subject;

export interface Known extends Subject {
  readonly state: EndpointState;
}

/** What was not taken up, and why. */
export interface Refusals {
  /** Of a declared address: it stays where it is declared. */
  declared: number;
  /** Of an address of no subnet of the network. */
  foreign: number;
  /** A place has as many as it may have, or as many are searched for on a network. */
  full: number;
}

export const ADDRESSES_PER_PLACE_MAX = 256;
export const SEARCHES_PER_NETWORK_MAX = 256;

export const keyOf = ({ space, address }: Subject): string => `${space} ${address}`;
export const placeText = ({ kind, id }: Place): string => `${kind} ${id}`;

const EMPTY: Ground = { declared: new Set(), networks: new Map(), places: new Set() };
/** IEEE 802.1Q section 8.8.3. */
export const LIFE_MS = 300_000;

export class Directory {
  #ground: Ground = EMPTY;
  readonly #knownByKey = new Map<string, Known>();
  /** How many addresses a place has, and how many are sought or silent on "network N". */
  readonly #counts = new Map<string, number>();
  readonly refusals: Refusals = { declared: 0, foreign: 0, full: 0 };

  get isEmpty(): boolean {
    return this.#knownByKey.size === 0;
  }

  get known(): Iterable<Known> {
    return this.#knownByKey.values();
  }

  /** The intent has changed: what it declares, or takes the place of, is learned no longer. */
  rebase(ground: Ground, now: Instant): readonly DirectoryAction[] {
    this.#ground = ground;
    const lost = [...this.#knownByKey].filter(([key, known]) => {
      const { state } = known;
      const network = state.at === "discovered" ? state.claim.network : state.network;
      const isPlaced = state.at !== "discovered" || ground.places.has(placeText(state.claim));
      return ground.declared.has(key) || !isPlaced || !this.#isOf(known, network);
    });
    return lost.flatMap(([, known]) => this.#feed(known, { on: "lost" }, now));
  }

  /** A row of an earlier life. */
  inherit(subject: Subject, claim: Claim, freshUntil: Instant): void {
    this.#put(subject, inherited(this.#lifeOf(claim.network), claim, freshUntil));
  }

  seen(
    subject: Subject,
    claim: Claim,
    overrides: boolean,
    now: Instant,
  ): readonly DirectoryAction[] {
    if (!this.#admits(subject, claim.network)) return [];
    const known = this.#knownByKey.get(keyOf(subject));
    const isThere = known?.state.at === "discovered" && isAt(known.state.claim, claim);
    if (!isThere && this.#countOf(placeText(claim)) >= ADDRESSES_PER_PLACE_MAX) {
      this.refusals.full++;
      return [];
    }
    return this.#feed(subject, { on: "seen", claim, overrides }, now);
  }

  sought(subject: Subject, network: number, now: Instant): readonly DirectoryAction[] {
    if (!this.#admits(subject, network)) return [];
    const isNew = !this.#knownByKey.has(keyOf(subject));
    if (isNew && this.#countOf(`network ${network}`) >= SEARCHES_PER_NETWORK_MAX) {
      this.refusals.full++;
      return [];
    }
    return this.#feed(subject, { on: "sought", network }, now);
  }

  /** Everything that is due. */
  wake(now: Instant): readonly DirectoryAction[] {
    const due = [...this.#knownByKey.values()].filter(({ state }) => this.#dueAt(state) <= now);
    return due.flatMap((known) => this.#feed(known, { on: "deadline" }, now));
  }

  /** When `wake` has something to do; Infinity: never. */
  nextDeadline(): Instant {
    let least = Number.POSITIVE_INFINITY;
    for (const { state } of this.#knownByKey.values()) least = Math.min(least, this.#dueAt(state));
    return least;
  }

  #dueAt(state: EndpointState): Instant {
    const lifeMs = state.at === "discovered" ? this.#lifeOf(state.claim.network) : 0;
    return nextDeadline(lifeMs, state);
  }

  #lifeOf(network: number): number {
    return this.#ground.networks.get(network)?.lifeMs ?? LIFE_MS;
  }

  #admits(subject: Subject, network: number): boolean {
    if (this.#ground.declared.has(keyOf(subject))) this.refusals.declared++;
    else if (!this.#isOf(subject, network)) this.refusals.foreign++;
    else return true;
    return false;
  }

  /** Whether the address can be one of the network's. */
  #isOf({ space, address }: Subject, network: number): boolean {
    const ground = this.#ground.networks.get(network);
    const ip = parseIp(address);
    if (!ground || !ip || ground.space !== space) return false;
    return space === network || ground.subnets.some((subnet) => contains(subnet, ip));
  }

  #feed({ space, address }: Subject, event: EndpointEvent, now: Instant): DirectoryAction[] {
    const subject = { space, address };
    const before = this.#knownByKey.get(keyOf(subject))?.state ?? null;
    const network = networkOf(event.on === "seen" ? event.claim : event, before);
    const { state, actions } = step(this.#lifeOf(network), before, event, now);
    if (state !== before) this.#put(subject, state);
    return actions.map((action) => ({ ...action, ...subject }));
  }

  #put(subject: Subject, state: EndpointState | null): void {
    const key = keyOf(subject);
    const before = this.#knownByKey.get(key);
    if (before) this.#count(countedAs(before.state), -1);
    if (state) {
      this.#knownByKey.set(key, { ...subject, state });
      this.#count(countedAs(state), 1);
    } else this.#knownByKey.delete(key);
  }

  #countOf(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  #count(what: string, more: 1 | -1): void {
    const count = this.#countOf(what) + more;
    if (count > 0) this.#counts.set(what, count);
    else this.#counts.delete(what);
  }
}

const isAt = (a: Place, b: Place): boolean => a.kind === b.kind && a.id === b.id;

const countedAs = (state: EndpointState): string =>
  state.at === "discovered" ? placeText(state.claim) : `network ${state.network}`;

function networkOf(said: object, state: EndpointState | null): number {
  if ("network" in said && typeof said.network === "number") return said.network;
  return (state?.at === "discovered" ? state.claim.network : state?.network) ?? 0;
}
