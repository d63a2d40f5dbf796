/**
 * Waiting for file descriptors without holding up the event loop: poll(2) on a thread of libuv's pool.
 *
 * Traps:
 * - Each wait takes one of the pool's four threads for all its time, which file and DNS calls share; a
 *   process has one loop that waits for everything it listens to, and may have a second at most.
 * - A wait cannot be cancelled, and keeps the process alive: use a short timeout, or give it a `Waker`.
 * - A descriptor closed while it is waited for may come back as another file: wake, then close.
 * - poll knows readiness, not whose: whoever reads must be ready to find nothing.
 */
import { err, invariant, ok, type Result } from "../base/result.ts";
import {
  close,
  eventfd,
  poll,
  read,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  type SystemError,
  systemError,
  write,
} from "./libc.ts";

const POLLIN = 0x1;
const POLLFD_OCTETS = 8;
const WAITS_MAX = 2;

let waits = 0;

/**
 * Those of `fds` that have something to read, have failed or are not open, in the order given; none when
 * `timeoutMs` has passed. Repeat it in a loop: a signal may end it early.
 */
export function waitReadable(
  fds: readonly number[],
  timeoutMs: number,
): Promise<readonly number[]> {
  invariant(waits < WAITS_MAX, `at most ${WAITS_MAX} waits at a time`);
  const view = new DataView(new ArrayBuffer(fds.length * POLLFD_OCTETS));
  for (const [i, fd] of fds.entries()) {
    // poll would ignore a negative one in silence.
    invariant(fd >= 0, "a file descriptor is not negative");
    view.setInt32(i * POLLFD_OCTETS, fd, true);
    view.setUint16(i * POLLFD_OCTETS + 4, POLLIN, true);
  }
  waits++;
  const wholeMs = Math.max(0, Math.ceil(timeoutMs));
  return new Promise((resolve: (ready: readonly number[]) => void) => {
    poll.async(new Uint8Array(view.buffer), fds.length, wholeMs, (): void => {
      waits--;
      resolve(fds.filter((_, i: number) => view.getUint16(i * POLLFD_OCTETS + 6, true) !== 0));
    });
  });
}

/** A descriptor that becomes readable when told to: ends a wait that is under way. */
export class Waker {
  readonly fd: number;

  private constructor(fd: number) {
    this.fd = fd;
  }

  static open(): Result<Waker, SystemError> {
    const fd = eventfd(0, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return fd < 0 ? err(systemError("open eventfd")) : ok(new Waker(fd));
  }

  wake(): void {
    write(this.fd, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0), 8);
  }

  /** Makes it wait again. */
  rest(): void {
    read(this.fd, new Uint8Array(8), 8);
  }

  close(): void {
    close(this.fd);
  }
}
