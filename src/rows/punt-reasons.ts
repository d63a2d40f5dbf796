/** Names of why a frame is handed to the agent (enum punt_reason of datapath/maps.h). */
import { PUNT_REASON } from "./abi.generated.ts";

export const REASON_NUMBERS = {
  glean: PUNT_REASON.PUNT_GLEAN,
  fragment: PUNT_REASON.PUNT_FRAGMENT,
  ttl: PUNT_REASON.PUNT_TTL,
  "too-big": PUNT_REASON.PUNT_TOO_BIG,
  "no-route": PUNT_REASON.PUNT_NO_ROUTE,
  gateway: PUNT_REASON.PUNT_GATEWAY,
} as const;

export type PuntReason = keyof typeof REASON_NUMBERS;

const isReason = (name: string): name is PuntReason => Object.hasOwn(REASON_NUMBERS, name);

/** Every reason, in the order of its number. */
export const PUNT_REASONS: readonly PuntReason[] = Object.keys(REASON_NUMBERS).filter(isReason);
