/**
 * Which hosts are there, by echoes to their tunnel addresses (RFC 792, RFC 4443 section 4): the kernel answers them,
 * with the host's agent alive or dead, and it is the host's datapath that is asked after. Three questions in a row
 * without an answer, and a host is taken for dead; one answer, and it is back.
 *
 * Leaves out: who acts on it (standby.ts), and the echoes themselves.
 */
import { unreachable } from "../base/result.ts";
import type { Instant } from "./endpoint.ts";

export interface Watched {
  readonly alive: boolean;
  /** Questions in a row, the last one included. */
  readonly unanswered: number;
}

export interface WatchState {
  readonly byAddress: ReadonlyMap<string, Watched>;
  readonly askAt: Instant;
}

export type WatchEvent =
  | { readonly on: "deadline" }
  | { readonly on: "answer"; readonly address: string }
  /** These are to be watched, and no others; those that come are taken for alive, but for `dead`. */
  | {
      readonly on: "watch";
      readonly addresses: ReadonlySet<string>;
      readonly dead: ReadonlySet<string>;
    };

export type WatchAction =
  | { readonly do: "ask"; readonly address: string }
  | { readonly do: "tell"; readonly address: string; readonly alive: boolean };

interface Step {
  readonly state: WatchState;
  readonly actions: readonly WatchAction[];
}

const ASK_MS = 150;
const UNANSWERED_MAX = 3;

export const initial = (now: Instant): WatchState => ({ byAddress: new Map(), askAt: now });

/** Infinity: there is nobody to watch. */
export const nextDeadline = ({ byAddress, askAt }: WatchState): Instant =>
  byAddress.size === 0 ? Number.POSITIVE_INFINITY : askAt;

/** Who is not watched is there. */
export const isAlive = ({ byAddress }: WatchState, address: string): boolean =>
  byAddress.get(address)?.alive ?? true;

export function step(state: WatchState, event: WatchEvent, now: Instant): Step {
  switch (event.on) {
    case "watch": {
      const { addresses, dead } = event;
      const fresh = (address: string): Watched => ({ alive: !dead.has(address), unanswered: 0 });
      const byAddress = new Map(
        [...addresses].map((one) => [one, state.byAddress.get(one) ?? fresh(one)]),
      );
      return { state: { ...state, byAddress }, actions: [] };
    }
    case "answer":
      return answer(state, event.address);
    case "deadline":
      return now < nextDeadline(state) ? { state, actions: [] } : ask(state, now);
    default:
      return unreachable(event);
  }
}

function answer(state: WatchState, address: string): Step {
  const known = state.byAddress.get(address);
  if (!known) return { state, actions: [] };
  const byAddress = new Map([...state.byAddress, [address, { alive: true, unanswered: 0 }]]);
  return {
    state: { ...state, byAddress },
    actions: known.alive ? [] : [{ do: "tell", address, alive: true }],
  };
}

function ask(state: WatchState, now: Instant): Step {
  const actions: WatchAction[] = [];
  const byAddress = new Map<string, Watched>();
  for (const [address, { alive, unanswered }] of state.byAddress) {
    const dies = alive && unanswered >= UNANSWERED_MAX;
    byAddress.set(address, { alive: alive && !dies, unanswered: unanswered + 1 });
    if (dies) actions.push({ do: "tell", address, alive: false });
    actions.push({ do: "ask", address });
  }
  return { state: { byAddress, askAt: now + ASK_MS }, actions };
}
