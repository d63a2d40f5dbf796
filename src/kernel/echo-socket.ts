/**
 * Echo requests and the answers to them (raw(7), RFC 792, RFC 3542 section 3), of both families. An answer is known by
 * its number, of which each question has its own. Leaves out: errors that routers send instead, which are no answer.
 */
import { parseIp } from "../base/ip.ts";
import { err, invariant, ok, type Result } from "../base/result.ts";
import {
  emitEcho,
  emitIcmp,
  ICMP_ECHO_REPLY,
  ICMP_ECHO_REQUEST,
  ICMPV6_ECHO_REPLY,
  ICMPV6_ECHO_REQUEST,
  parseEcho,
  parseIcmp,
} from "../wire/icmp.ts";
import { IP_PROTOCOL, parseIpv4 } from "../wire/ipv4.ts";
import { Reader } from "../wire/reader.ts";
import {
  AF_INET,
  AF_INET6,
  close,
  MSG_DONTWAIT,
  recv,
  SOCK_CLOEXEC,
  SOCK_RAW,
  type SystemError,
  sendTo,
  setOptionOctets,
  socket,
  systemError,
} from "./libc.ts";

const SOL_RAW = 255;
const ICMP_FILTER = 1;
const ICMPV6_FILTER = 1;
/** Questions whose answers are still waited for. */
const QUESTIONS_MAX = 4096;
const ECHO_OCTETS = 8;
const ANSWER_OCTETS_MAX = 2048;

export class EchoSocket {
  readonly #ipv4: number;
  readonly #ipv6: number;
  readonly #identifier: number = process.pid & 0xffff;
  readonly #addressesByNumber = new Map<number, string>();
  readonly #answer: Uint8Array = new Uint8Array(ANSWER_OCTETS_MAX);
  #next: number = 0;

  private constructor(ipv4: number, ipv6: number) {
    this.#ipv4 = ipv4;
    this.#ipv6 = ipv6;
  }

  /** In the current namespace. */
  static open(): Result<EchoSocket, SystemError> {
    const ipv4 = openFamily(AF_INET, IP_PROTOCOL.icmp);
    if (!ipv4.ok) return ipv4;
    const ipv6 = openFamily(AF_INET6, IP_PROTOCOL.icmpv6);
    if (ipv6.ok) return ok(new EchoSocket(ipv4.value, ipv6.value));
    close(ipv4.value);
    return ipv6;
  }

  /** Readable when there are answers. */
  get fds(): readonly number[] {
    return [this.#ipv4, this.#ipv6];
  }

  ask(address: string): Result<void, SystemError> {
    const ip = parseIp(address);
    invariant(ip !== null, `no address: ${address}`);
    const number = this.#next;
    this.#next = (number + 1) & 0xffff;
    this.#addressesByNumber.delete((number - QUESTIONS_MAX) & 0xffff);
    this.#addressesByNumber.set(number, address);
    const isIpv4 = ip.family === "ipv4";
    const echo = { identifier: this.#identifier, sequence: number, data: new Uint8Array(0) };
    const body = new Uint8Array(ECHO_OCTETS - 4);
    emitEcho(new DataView(body.buffer), 0, echo);
    const message = new Uint8Array(ECHO_OCTETS);
    const type = isIpv4 ? ICMP_ECHO_REQUEST : ICMPV6_ECHO_REQUEST;
    // Of ICMPv6 the kernel writes the checksum.
    emitIcmp(new DataView(message.buffer), 0, { type, code: 0, body });
    const to = isIpv4 ? socketAddress4(ip.octets) : socketAddress6(ip.octets);
    const fd = isIpv4 ? this.#ipv4 : this.#ipv6;
    const sent = sendTo(fd, message, message.length, MSG_DONTWAIT, to, to.length);
    return sent < 0 ? err(systemError(`send an echo request to ${address}`)) : ok(undefined);
  }

  /** Who has answered since the last time. */
  answers(): readonly string[] {
    const answered: string[] = [];
    for (const fd of this.fds)
      for (;;) {
        const count = recv(fd, this.#answer, this.#answer.length, MSG_DONTWAIT);
        if (count < 0) break;
        const address = this.#addressIn(fd, this.#answer.subarray(0, count));
        if (address !== null) answered.push(address);
      }
    return answered;
  }

  #addressIn(fd: number, octets: Uint8Array): string | null {
    const r = new Reader(octets);
    if (fd === this.#ipv4) parseIpv4(r);
    const { type, body } = parseIcmp(r);
    const wanted = fd === this.#ipv4 ? ICMP_ECHO_REPLY : ICMPV6_ECHO_REPLY;
    const { identifier, sequence } = parseEcho(new Reader(body));
    if (r.fault !== "" || type !== wanted || identifier !== this.#identifier) return null;
    const address = this.#addressesByNumber.get(sequence) ?? null;
    this.#addressesByNumber.delete(sequence);
    return address;
  }

  close(): void {
    for (const fd of this.fds) close(fd);
  }
}

function openFamily(family: number, protocol: number): Result<number, SystemError> {
  const fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (fd < 0) return err(systemError("open a socket for echoes"));
  // What passes the filter are answers: set bits are types that do not.
  const blocked = new Uint8Array(family === AF_INET ? 4 : 32).fill(0xff);
  const type = family === AF_INET ? ICMP_ECHO_REPLY : ICMPV6_ECHO_REPLY;
  blocked[type >> 3] = 0xff & ~(1 << (type & 7));
  const [level, option] =
    family === AF_INET ? [SOL_RAW, ICMP_FILTER] : [IP_PROTOCOL.icmpv6, ICMPV6_FILTER];
  if (setOptionOctets(fd, level, option, blocked) >= 0) return ok(fd);
  const error = systemError("filter echoes");
  close(fd);
  return err(error);
}

function socketAddress4(octets: Uint8Array): Uint8Array {
  const out = new Uint8Array(16);
  new DataView(out.buffer).setUint16(0, AF_INET, true);
  out.set(octets, 4);
  return out;
}

function socketAddress6(octets: Uint8Array): Uint8Array {
  const out = new Uint8Array(28);
  new DataView(out.buffer).setUint16(0, AF_INET6, true);
  out.set(octets, 8);
  return out;
}
