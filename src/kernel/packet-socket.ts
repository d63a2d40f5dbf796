/**
 * Raw frames of one interface (packet(7)): every frame it receives, and unless told otherwise not those it
 * sends. Leaves out: 802.1Q tags that the kernel keeps beside the frame, timestamps, rings.
 */
import { err, invariant, ok, type Result } from "../base/result.ts";
import {
  AF_PACKET,
  bind,
  close,
  ERRNO,
  interfaceIndex,
  lastErrno,
  MSG_DONTWAIT,
  recv,
  SO_RCVBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_SOCKET,
  type SystemError,
  send,
  setOption,
  socket,
  systemError,
} from "./libc.ts";

const SOL_PACKET = 263;
const IGNORE_OUTGOING = 23;
const ETH_P_ALL = 3;
/** A 64 KiB aggregate with its headers. */
const FRAME_OCTETS_MAX = (64 << 10) + 256;
const RECEIVE_BUFFER_OCTETS = 16 << 20;

export interface PacketOptions {
  /** Also what this host sends on the interface, our own frames included. */
  readonly outgoing?: boolean;
  readonly receiveBufferOctets?: number;
}

export class PacketSocket {
  readonly fd: number;
  readonly #name: string;
  readonly #frame: Uint8Array = new Uint8Array(FRAME_OCTETS_MAX);
  #closed: boolean = false;

  private constructor(fd: number, name: string) {
    this.fd = fd;
    this.#name = name;
  }

  /** On an interface of the current namespace (`withNamespace` for another). */
  static open(name: string, options: PacketOptions = {}): Result<PacketSocket, SystemError> {
    const index = interfaceIndex(name);
    if (index === 0) return err(systemError(`find interface ${name}`));
    // Protocol 0 until it is bound: else it gathers frames of every interface meanwhile.
    const fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0) return err(systemError(`open packet socket on ${name}`));
    const address = new DataView(new ArrayBuffer(20));
    address.setUint16(0, AF_PACKET, true);
    address.setUint16(2, ETH_P_ALL);
    address.setInt32(4, index, true);
    const octets = options.receiveBufferOctets ?? RECEIVE_BUFFER_OCTETS;
    const refused =
      setOption(fd, SOL_PACKET, IGNORE_OUTGOING, options.outgoing ? 0 : 1) < 0 ||
      setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, octets) < 0 ||
      bind(fd, new Uint8Array(address.buffer), address.byteLength) < 0;
    if (refused) {
      const error = systemError(`open packet socket on ${name}`);
      close(fd);
      return err(error);
    }
    return ok(new PacketSocket(fd, name));
  }

  /** Sends one frame, Ethernet header included; ENOBUFS: the interface's queue is full. */
  send(frame: Uint8Array): Result<void, SystemError> {
    invariant(!this.#closed, "a closed packet socket sends nothing");
    const sent = send(this.fd, frame, frame.length, MSG_DONTWAIT);
    return sent < 0
      ? err(systemError(`send ${frame.length} octets on ${this.#name}`))
      : ok(undefined);
  }

  /** The next frame, cut to 64 KiB; null: none waits (also once as the interface goes down). */
  receive(): Uint8Array | null {
    invariant(!this.#closed, "a closed packet socket receives nothing");
    const count = recv(this.fd, this.#frame, this.#frame.length, MSG_DONTWAIT);
    if (count >= 0) return this.#frame.slice(0, count);
    invariant(lastErrno() !== ERRNO.EBADF, "the packet socket is open");
    return null;
  }

  close(): void {
    if (!this.#closed) close(this.fd);
    this.#closed = true;
  }
}
