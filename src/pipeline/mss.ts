/** What TCP is told of the way's MTU: the twin of datapath/lib/mss.h. */
import type { Frame } from "./frame.ts";

/** The frame with a smaller maximum segment; null: it is no SYN, or asks for no more than the way takes. */
export function clampMss(_frame: Frame, _mtu: number): Frame | null {
  return null;
}
