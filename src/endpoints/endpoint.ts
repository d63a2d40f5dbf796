/**
 * One address of one address space, as a host comes to know who has it: RFC 826 and RFC 4861 as RFC 9161 section 3.2
 * reads them for whoever answers in others' place. Shown by ARP or by an advertisement of its own; looked for when a
 * packet goes to it and nobody has shown it; asked again at each third of its life; over when it has not answered.
 *
 * Leaves out: declared addresses, which are nobody's to learn (directory.ts), and what is in a message (sighting.ts).
 */
import { unreachable } from "../base/result.ts";

/** Milliseconds on the monotonic clock. */
export type Instant = number;

/** Where an address is: behind a port of this host or, by a next-hop group, on another. */
export interface Place {
  readonly kind: "port" | "group";
  /** Of the port or the group. */
  readonly id: number;
}

/** Who says that he has an address. */
export interface Claim extends Place {
  readonly network: number;
  readonly mac: string;
}

export type EndpointState =
  | {
      readonly at: "sought";
      readonly network: number;
      readonly since: Instant;
      /** Questions asked. */
      readonly asked: number;
      readonly askAt: Instant;
    }
  | {
      readonly at: "silent";
      readonly network: number;
      readonly since: Instant;
      /** Not asked for again before. */
      readonly quietUntil: Instant;
      readonly forgetAt: Instant;
    }
  | {
      readonly at: "discovered";
      readonly claim: Claim;
      readonly since: Instant;
      readonly seenAt: Instant;
      /** Questions asked since. */
      readonly asked: number;
      /** How often it went from one place to another while it was known. */
      readonly moves: number;
      /** Who had it before, if he had shown it within its life: two that go on claiming it are in conflict. */
      readonly rival: Claim | null;
    };

export type EndpointEvent =
  | {
      readonly on: "seen";
      readonly claim: Claim;
      /** An advertisement without O (RFC 4861 section 4.4) confirms what is known, and says nothing new. */
      readonly overrides: boolean;
    }
  /** A packet goes to it, on a network that its address is of. */
  | { readonly on: "sought"; readonly network: number }
  /** Its port or its host is gone, or it has been declared. */
  | { readonly on: "lost" }
  | { readonly on: "deadline" };

export type EndpointAction =
  | { readonly do: "write"; readonly claim: Claim; readonly freshUntil: Instant }
  | { readonly do: "remove" }
  /** A question to who has it. */
  | { readonly do: "ask"; readonly claim: Claim }
  /** A question to everybody on the network. */
  | { readonly do: "search"; readonly network: number }
  | { readonly do: "tell-move"; readonly from: Claim; readonly to: Claim; readonly moves: number };

interface Step {
  /** Null: nothing is known of it, and nobody asks. */
  readonly state: EndpointState | null;
  readonly actions: readonly EndpointAction[];
}

/** RFC 4861 section 10: MAX_MULTICAST_SOLICIT and RETRANS_TIMER. */
const QUESTIONS = 3;
const QUESTION_MS = 1000;
/** An address that nobody has is searched for this seldom, however many packets go there. */
const QUIET_MS = 10_000;
/** Kept, to be listed, as long as this after nobody asks for it any more. */
const SILENT_MS = 60_000;
/** It is asked at each of these parts of its life, but for the last, which ends it. */
const PARTS = 3;

export function step(
  lifeMs: number,
  state: EndpointState | null,
  event: EndpointEvent,
  now: Instant,
): Step {
  switch (event.on) {
    case "seen":
      return see(lifeMs, state, event, now);
    case "sought":
      return seek(state, event.network, now);
    case "lost":
      return { state: null, actions: state?.at === "discovered" ? [{ do: "remove" }] : [] };
    case "deadline":
      return state && now >= nextDeadline(lifeMs, state) ? wake(lifeMs, state, now) : keep(state);
    default:
      return unreachable(event);
  }
}

export function nextDeadline(lifeMs: number, state: EndpointState): Instant {
  switch (state.at) {
    case "sought":
      return state.askAt;
    case "silent":
      return state.forgetAt;
    case "discovered":
      return state.seenAt + (lifeMs * (state.asked + 1)) / PARTS;
    default:
      return unreachable(state);
  }
}

/** What another life of ours has learned, and what its row says of its end. */
export const inherited = (lifeMs: number, claim: Claim, freshUntil: Instant): EndpointState => ({
  at: "discovered",
  claim,
  since: freshUntil - lifeMs,
  seenAt: freshUntil - lifeMs,
  ...{ asked: 0, moves: 0, rival: null },
});

const keep = (state: EndpointState | null): Step => ({ state, actions: [] });

const isSamePlace = (a: Claim, b: Claim): boolean =>
  a.kind === b.kind && a.id === b.id && a.network === b.network && a.mac === b.mac;

function see(
  lifeMs: number,
  state: EndpointState | null,
  { claim, overrides }: Extract<EndpointEvent, { on: "seen" }>,
  now: Instant,
): Step {
  const known = state?.at === "discovered" ? state : null;
  const isSame = known !== null && isSamePlace(known.claim, claim);
  if (!isSame && !overrides) return keep(state);
  const write = { do: "write", claim, freshUntil: now + lifeMs } as const;
  const seen = { at: "discovered", claim, seenAt: now, asked: 0 } as const;
  if (isSame) return { state: { ...known, ...seen }, actions: [write] };
  if (known === null)
    return { state: { ...seen, since: now, moves: 0, rival: null }, actions: [write] };
  const moves = known.moves + 1;
  return {
    state: { ...seen, since: now, moves, rival: known.claim },
    actions: [write, { do: "tell-move", from: known.claim, to: claim, moves }],
  };
}

function seek(state: EndpointState | null, network: number, now: Instant): Step {
  if (state?.at === "silent" && now < state.quietUntil)
    return keep({ ...state, forgetAt: now + SILENT_MS });
  if (state?.at === "sought" || state?.at === "discovered") return keep(state);
  const since = state?.since ?? now;
  return {
    state: { at: "sought", network, since, asked: 1, askAt: now + QUESTION_MS },
    actions: [{ do: "search", network }],
  };
}

function wake(lifeMs: number, state: EndpointState, now: Instant): Step {
  switch (state.at) {
    case "sought": {
      const { network, since, asked } = state;
      if (asked < QUESTIONS)
        return {
          state: { ...state, asked: asked + 1, askAt: now + QUESTION_MS },
          actions: [{ do: "search", network }],
        };
      const [quietUntil, forgetAt] = [now + QUIET_MS, now + SILENT_MS];
      return keep({ at: "silent", network, since, quietUntil, forgetAt });
    }
    case "silent":
      return keep(null);
    case "discovered":
      if (now >= state.seenAt + lifeMs) return { state: null, actions: [{ do: "remove" }] };
      return {
        state: { ...state, asked: Math.floor((PARTS * (now - state.seenAt)) / lifeMs) },
        actions: [{ do: "ask", claim: state.claim }],
      };
    default:
      return unreachable(state);
  }
}
