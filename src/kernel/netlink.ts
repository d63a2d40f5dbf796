/**
 * A netlink socket of the namespace in which it was made: requests with their answers, and subscriptions.
 * Everything is synchronous and nothing waits: the kernel answers within `send` or the next `recv`.
 *
 * Traps: a subscribed socket that falls behind loses messages, answers to requests included; ask on one
 * socket and listen on another. LIMIT: one request is at most 8 KiB, one datagram of an answer 256 KiB.
 */
import { err, invariant, ok, type Result } from "../base/result.ts";
import { GROUPS, type GroupName, type NetlinkEvent, parseEvent } from "../wire/netlink/event.ts";
import {
  emitRequest,
  FLAG,
  type Message,
  NLMSG_DONE,
  NLMSG_ERROR,
  type Outcome,
  parseDone,
  parseError,
  parseMessages,
  type Request,
} from "../wire/netlink/message.ts";
import { type DecodeError, decode, type Reader } from "../wire/reader.ts";
import {
  AF_NETLINK,
  bind,
  close,
  ERRNO,
  errnoName,
  errnoText,
  lastErrno,
  MSG_DONTWAIT,
  MSG_TRUNC,
  recv,
  SO_RCVBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_SOCKET,
  send,
  setOption,
  socket,
} from "./libc.ts";

const NETLINK_ROUTE = 0;
const SOL_NETLINK = 270;
const ADD_MEMBERSHIP = 1;
const CAP_ACK = 10;
const EXT_ACK = 11;
const STRICT_CHECK = 12;

const REQUEST_OCTETS = 8 << 10;
const DATAGRAM_OCTETS = 256 << 10;
const RECEIVE_BUFFER_OCTETS = 8 << 20;
/** A dump that changes while it is read is read again; more often than this and something is wrong. */
const DUMP_TRIES = 8;

export interface NetlinkError {
  readonly kind: "netlink";
  /** "create vxlan device". */
  readonly operation: string;
  /** The name or number of what it was about; "" for all of a kind. */
  readonly object: string;
  readonly errno: number;
  /** "EEXIST". */
  readonly name: string;
  /** The kernel's words if it had any, else the C library's. */
  readonly detail: string;
}

export type SocketEvent =
  | NetlinkEvent
  /** Messages were lost, or could not be read: whoever follows must read everything again. */
  | { readonly on: "overflow" }
  | { readonly on: "malformed"; readonly error: DecodeError };

export interface NetlinkOptions {
  /** What to hear of; none for a socket that only asks. */
  readonly groups?: readonly GroupName[];
  readonly receiveBufferOctets?: number;
}

export class NetlinkSocket {
  readonly fd: number;
  readonly #request: Uint8Array = new Uint8Array(REQUEST_OCTETS);
  readonly #datagram: Uint8Array = new Uint8Array(DATAGRAM_OCTETS);
  /** Events that arrived among a request's answers. */
  #heard: SocketEvent[] = [];
  #sequence: number = 0;
  #closed: boolean = false;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** Opens it in the current namespace (`withNamespace` for another). */
  static open(options: NetlinkOptions = {}): Result<NetlinkSocket, NetlinkError> {
    const about = { operation: "open netlink socket", object: options.groups?.join(" ") ?? "" };
    const fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0) return err(netlinkError(about, lastErrno()));
    const address = new Uint8Array(12);
    address[0] = AF_NETLINK;
    const groups = (options.groups ?? []).flatMap((name: GroupName) => GROUPS[name]);
    const octets = options.receiveBufferOctets ?? RECEIVE_BUFFER_OCTETS;
    const refused =
      bind(fd, address, address.length) < 0 ||
      setOption(fd, SOL_NETLINK, CAP_ACK, 1) < 0 ||
      setOption(fd, SOL_NETLINK, EXT_ACK, 1) < 0 ||
      setOption(fd, SOL_NETLINK, STRICT_CHECK, 1) < 0 ||
      setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, octets) < 0 ||
      groups.some((group: number) => setOption(fd, SOL_NETLINK, ADD_MEMBERSHIP, group) < 0);
    if (refused) {
      const error = netlinkError(about, lastErrno());
      close(fd);
      return err(error);
    }
    return ok(new NetlinkSocket(fd));
  }

  /** Sends `request` and reads all its answers. An interrupted dump is repeated. */
  request(request: Request): Result<readonly Message[], NetlinkError> {
    for (let left = DUMP_TRIES; ; left--) {
      const answer = this.#ask(request);
      if (answer.ok && left > 1 && answer.value.some(isInterrupted)) continue;
      if (answer.ok && answer.value.some(isInterrupted))
        return err(netlinkError(request, ERRNO.EAGAIN, "it kept changing while it was read"));
      return answer;
    }
  }

  #ask(request: Request): Result<readonly Message[], NetlinkError> {
    invariant(!this.#closed, "a closed netlink socket is not asked");
    this.#sequence = (this.#sequence + 1) >>> 0 || 1;
    const view = new DataView(this.#request.buffer);
    const octets = emitRequest(view, 0, request, this.#sequence);
    if (send(this.fd, this.#request, octets, 0) < 0) return err(netlinkError(request, lastErrno()));
    const dump = (request.flags & FLAG.dump) === FLAG.dump;
    const ack = (request.flags & FLAG.ack) !== 0;
    const answers: Message[] = [];
    for (;;) {
      const got = this.#receive();
      if (got.at === "overflow") {
        this.#heard.push({ on: "overflow" });
        continue;
      }
      if (got.at === "failed") return err(netlinkError(request, got.errno));
      if (got.at === "malformed") return err(decodeFailed(request, got.error));
      for (const message of got.messages) {
        if (message.sequence !== this.#sequence) {
          this.#hear(message);
          continue;
        }
        if (message.type !== NLMSG_ERROR && message.type !== NLMSG_DONE) {
          answers.push(message);
          if (!dump && !ack) return ok(answers);
          continue;
        }
        const outcome = outcomeOf(message);
        if (!outcome.ok) return err(decodeFailed(request, outcome.error));
        const { errno, text } = outcome.value;
        if (errno !== 0) return err(netlinkError(request, errno, text));
        // The end's own flags tell of an interruption too.
        return ok(isInterrupted(message) ? [...answers, message] : answers);
      }
    }
  }

  /** What was heard since the last call. Never waits: `waitReadable([fd], …)` tells when it is worth it. */
  events(): readonly SocketEvent[] {
    invariant(!this.#closed, "a closed netlink socket hears nothing");
    for (;;) {
      const got = this.#receive();
      if (got.at === "messages") for (const message of got.messages) this.#hear(message);
      else if (got.at === "overflow") this.#heard.push({ on: "overflow" });
      else if (got.at === "malformed") this.#heard.push({ on: "malformed", error: got.error });
      else {
        invariant(got.errno !== ERRNO.EBADF, "the netlink socket is open");
        if (got.errno !== ERRNO.EAGAIN) this.#heard.push({ on: "overflow" });
        break;
      }
    }
    const heard = this.#heard;
    this.#heard = [];
    return heard;
  }

  close(): void {
    if (!this.#closed) close(this.fd);
    this.#closed = true;
  }

  #hear(message: Message): void {
    const event = parseEvent(message);
    if (!event.ok) this.#heard.push({ on: "malformed", error: event.error });
    else if (event.value) this.#heard.push(event.value);
  }

  #receive(): Received {
    const count = recv(this.fd, this.#datagram, this.#datagram.length, MSG_DONTWAIT | MSG_TRUNC);
    if (count < 0) {
      const errno = lastErrno();
      return errno === ERRNO.ENOBUFS ? { at: "overflow" } : { at: "failed", errno };
    }
    // A datagram larger than the buffer is cut, and with it messages are lost.
    if (count > this.#datagram.length) return { at: "overflow" };
    const got = decode("netlink", this.#datagram.subarray(0, count), parseMessages);
    return got.ok ? { at: "messages", messages: got.value } : { at: "malformed", error: got.error };
  }
}

type Received =
  | { readonly at: "messages"; readonly messages: readonly Message[] }
  | { readonly at: "overflow" }
  | { readonly at: "malformed"; readonly error: DecodeError }
  | { readonly at: "failed"; readonly errno: number };

const isInterrupted = (message: Message): boolean => (message.flags & FLAG.dumpInterrupted) !== 0;

function outcomeOf(message: Message): Result<Outcome, DecodeError> {
  return message.type === NLMSG_ERROR
    ? decode("netlink.error", message.body, (r: Reader) => parseError(r, message.flags))
    : decode("netlink.done", message.body, (r: Reader) => parseDone(r, message.flags));
}

type About = Pick<Request, "operation" | "object">;

export function netlinkError(
  about: About,
  errno: number,
  text: string | null = null,
): NetlinkError {
  return {
    kind: "netlink",
    operation: about.operation,
    object: about.object,
    errno,
    name: errnoName(errno),
    detail: text ?? errnoText(errno),
  };
}

function decodeFailed(about: About, error: DecodeError): NetlinkError {
  const text = `${error.what}: ${error.fault} at octet ${error.offset}`;
  return netlinkError(about, ERRNO.EBADMSG, text);
}

/** Asks, and reads every answer with `parse`; what it leaves null is left out. */
export function ask<T>(
  on: NetlinkSocket,
  request: Request,
  parse: (r: Reader) => T | null,
): Result<readonly T[], NetlinkError> {
  const answers = on.request(request);
  if (!answers.ok) return answers;
  const values: T[] = [];
  for (const message of answers.value) {
    const got = decode(`netlink ${request.operation}`, message.body, parse);
    if (!got.ok) return err(decodeFailed(request, got.error));
    if (got.value !== null) values.push(got.value);
  }
  return ok(values);
}

/** Does what answers with nothing but success or failure. */
export function perform(on: NetlinkSocket, request: Request): Result<void, NetlinkError> {
  const answers = on.request(request);
  return answers.ok ? ok(undefined) : answers;
}
