/** Answers to the sender of a packet that a router does not pass on: the twin of datapath/lib/answer.h. */
import type { VerdictName } from "../rows/abi.generated.ts";
import { type Departure, dropped, type Sound } from "./departure.ts";

export function answerError(
  _sound: Sound,
  why: VerdictName,
  _mtu: number,
  _nowSeconds: number,
): Departure {
  return dropped(why);
}

export function answerEcho(_sound: Sound, _nowSeconds: number): Departure {
  return dropped("gateway-closed");
}
