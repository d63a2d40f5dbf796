/**
 * Capture files: the frames of a pcap or pcapng file of either byte order. What is wrong with a file is told, and does
 * not lose the frames before it. Leaves out: time stamps, comments, link types other than Ethernet.
 */
import type { Capture } from "./capture.ts";
import { hexOf } from "./octets.ts";
import { parsePcap } from "./pcap.ts";
import { parsePcapng } from "./pcapng.ts";
import { Reader } from "./reader.ts";

const PCAPNG_SECTION = 0x0a0d0d0a;

export function parseCapture(file: Uint8Array): Capture {
  const first = new Reader(file).u32();
  if (first === PCAPNG_SECTION) return parsePcapng(file);
  return parsePcap(file) ?? notACapture(file);
}

function notACapture(file: Uint8Array): Capture {
  const start = file.length === 0 ? "it is empty" : `it begins with ${hexOf(file.subarray(0, 4))}`;
  const detail = `neither pcap nor pcapng: ${start}`;
  return { frames: [], faults: [{ kind: "not-a-capture", offset: 0, detail }] };
}
