/**
 * Netlink messages (RFC 3549 §2.3.2; linux/netlink.h): the header, the kernel's answers to a request, and
 * requests before they have a sequence number.
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  |                   octets, with this header                    |     host order
 *  |             type              |             flags             |
 *  |                           sequence                            |
 *  |                  port: the socket that asked                  |
 *  |  body, then padding to four octets …                          |
 *
 * Leaves out: offset, cookie and policy attributes of an error; only its text is read.
 */
import type { Reader } from "../reader.ts";
import { aligned, parseAttributes, parseText } from "./attribute.ts";

export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly port: number;
  readonly body: Uint8Array;
}

/** A message to send. The socket numbers it, and asks for an acknowledgement or a dump as `flags` say. */
export interface Request {
  /** For errors: "create link". */
  readonly operation: string;
  /** For errors: the name or number of what is operated on; "" for all of a kind. */
  readonly object: string;
  readonly type: number;
  readonly flags: number;
  /** Writes the body at `at`, attributes included, and returns the offset after it. */
  readonly emit: (out: DataView, at: number) => number;
}

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

export const FLAG = {
  request: 0x001,
  ack: 0x004,
  /** The dump changed while it was read; answers only. */
  dumpInterrupted: 0x010,
  /** Root and match: every object of the kind. */
  dump: 0x300,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
} as const;

/** On NLMSG_ERROR: the refused request's body is not repeated. */
const CAPPED = 0x100;
/** On NLMSG_ERROR and NLMSG_DONE: attributes follow. */
const ACK_ATTRIBUTES = 0x200;
const ERROR_TEXT = 1;

const HEADER_OCTETS = 16;

/** All messages of one datagram. */
export function parseMessages(r: Reader): readonly Message[] {
  const messages: Message[] = [];
  while (r.left > 0) {
    const octets = r.u32le();
    const type = r.u16le();
    const flags = r.u16le();
    const sequence = r.u32le();
    const port = r.u32le();
    if (octets < HEADER_OCTETS) r.fail("bad-length");
    const body = r.octets(octets - HEADER_OCTETS);
    r.skip(Math.min(aligned(octets) - octets, r.left));
    if (r.fault === "") messages.push({ type, flags, sequence, port, body });
  }
  return messages;
}

/** What became of a request. */
export interface Outcome {
  /** 0: done. */
  readonly errno: number;
  /** The kernel's own words about it; null when it has none. */
  readonly text: string | null;
}

/** Reads the body of NLMSG_ERROR; an acknowledgement is the error 0. */
export function parseError(r: Reader, flags: number): Outcome {
  const errno = 0 - r.s32le();
  const octets = r.u32le();
  r.skip(HEADER_OCTETS - 4);
  if ((flags & CAPPED) === 0) {
    if (octets < HEADER_OCTETS) r.fail("bad-length");
    r.skip(Math.min(aligned(octets) - HEADER_OCTETS, r.left));
  }
  return { errno, text: parseErrorText(r, flags) };
}

/** Reads the body of NLMSG_DONE, the end of a dump; old kernels send none. */
export function parseDone(r: Reader, flags: number): Outcome {
  const errno = r.left === 0 ? 0 : 0 - r.s32le();
  return { errno, text: parseErrorText(r, flags) };
}

function parseErrorText(r: Reader, flags: number): string | null {
  let text: string | null = null;
  if ((flags & ACK_ATTRIBUTES) === 0) r.skip(r.left);
  parseAttributes(r, (type: number, value: Reader) => {
    if (type === ERROR_TEXT) text = parseText(value);
  });
  return text;
}

/** Writes `request` whole and returns the offset after it, which is a multiple of four. */
export function emitRequest(out: DataView, at: number, request: Request, sequence: number): number {
  const end = request.emit(out, at + HEADER_OCTETS);
  out.setUint32(at, end - at, true);
  out.setUint16(at + 4, request.type, true);
  out.setUint16(at + 6, request.flags, true);
  out.setUint32(at + 8, sequence, true);
  out.setUint32(at + 12, 0, true);
  return end;
}
