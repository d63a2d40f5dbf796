/**
 * A tap: a network device whose other end is this process. What the host sends on it is read here, a frame at a time,
 * and what is written here arrives on it. It is there as long as it is open: nobody has to remove it.
 */
import { err, invariant, ok, type Result } from "../base/result.ts";
import {
  close,
  ERRNO,
  interfaceIndex,
  ioctl,
  lastErrno,
  O_CLOEXEC,
  O_NONBLOCK,
  O_RDWR,
  open,
  read,
  type SystemError,
  systemError,
  write,
} from "./libc.ts";

const DEVICE = "/dev/net/tun";
/** _IOW('T', 202, int) */
const TUNSETIFF = 0x400454ca;
const IFF_TAP = 0x2;
const IFF_NO_PI = 0x1000;
/** With IFF_TUN_EXCL an existing device is an error: never somebody else's. */
const IFF_TUN_EXCL = 0x8000;
const IFREQ_OCTETS = 40;
const NAME_OCTETS_MAX = 15;
/** A 64 KiB packet with whatever is in front of it. */
const FRAME_OCTETS_MAX = (64 << 10) + 512;

export class Tap {
  readonly fd: number;
  readonly index: number;
  readonly #name: string;
  readonly #frame: Uint8Array = new Uint8Array(FRAME_OCTETS_MAX);

  private constructor(fd: number, index: number, name: string) {
    this.fd = fd;
    this.index = index;
    this.#name = name;
  }

  /** A new device of the current namespace, down; EBUSY: there is one of this name. */
  static open(name: string): Result<Tap, SystemError> {
    invariant(name.length <= NAME_OCTETS_MAX, `not an interface name: ${name}`);
    const fd = open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return err(systemError(`open ${DEVICE}`));
    const request = new Uint8Array(IFREQ_OCTETS);
    new TextEncoder().encodeInto(name, request);
    new DataView(request.buffer).setUint16(16, IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL, true);
    const index = ioctl(fd, TUNSETIFF, request) < 0 ? 0 : interfaceIndex(name);
    if (index === 0) {
      const error = systemError(`make tap ${name}`);
      close(fd);
      return err(error);
    }
    return ok(new Tap(fd, index, name));
  }

  /** The next frame, there until the next call; null: none waits. */
  receive(): Result<Uint8Array | null, SystemError> {
    const count = read(this.fd, this.#frame, this.#frame.length);
    if (count >= 0) return ok(this.#frame.subarray(0, count));
    const errno = lastErrno();
    if (errno === ERRNO.EAGAIN || errno === ERRNO.EINTR) return ok(null);
    return err(systemError(`read from ${this.#name}`));
  }

  send(frame: Uint8Array): Result<null, SystemError> {
    const sent = write(this.fd, frame, frame.length);
    return sent < 0 ? err(systemError(`write ${frame.length} octets to ${this.#name}`)) : ok(null);
  }

  /** The device is gone with it. */
  close(): void {
    close(this.fd);
  }
}
