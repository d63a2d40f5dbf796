/**
 * The calls of the C library that the kernel edge makes, bound once. Nothing here throws for the world's
 * sake: a call answers -1 and `systemError` says why, if it is asked before the next call.
 *
 * Traps: koffi has no ssize_t (`long` stands for it); every call blocks the thread, so sockets are
 * non-blocking and waiting is wait.ts's; a Uint8Array is passed by address and must stay referenced until
 * the call is over.
 */
import { constants } from "node:os";
import koffi from "koffi";

const libc = koffi.load("libc.so.6");

export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0x800;
export const SOCK_CLOEXEC = 0x80000;
export const SOL_SOCKET = 1;
export const SO_RCVBUFFORCE = 33;
export const MSG_DONTWAIT = 0x40;
export const MSG_TRUNC = 0x20;
export const O_RDONLY = 0;
export const O_RDWR = 2;
export const O_NONBLOCK = 0x800;
export const O_CLOEXEC = 0x80000;
export const CLONE_NEWNET = 0x40000000;

export const socket: (domain: number, type: number, protocol: number) => number = libc.func(
  "int socket(int, int, int)",
);
export const bind: (fd: number, address: Uint8Array, octets: number) => number = libc.func(
  "int bind(int, const uint8_t *, uint32_t)",
);
export const send: (fd: number, octets: Uint8Array, count: number, flags: number) => number =
  libc.func("long send(int, const uint8_t *, size_t, int)");
export const sendTo: (
  fd: number,
  octets: Uint8Array,
  count: number,
  flags: number,
  address: Uint8Array,
  addressOctets: number,
) => number = libc.func(
  "long sendto(int, const uint8_t *, size_t, int, const uint8_t *, uint32_t)",
);
export const recv: (fd: number, into: Uint8Array, count: number, flags: number) => number =
  libc.func("long recv(int, uint8_t *, size_t, int)");
const setsockopt: (
  fd: number,
  level: number,
  option: number,
  value: Uint8Array,
  octets: number,
) => number = libc.func("int setsockopt(int, int, int, const uint8_t *, uint32_t)");
export const open: (path: string, flags: number) => number = libc.func(
  "int open(const char *, int)",
);
export const close: (fd: number) => number = libc.func("int close(int)");
export const write: (fd: number, octets: Uint8Array, count: number) => number = libc.func(
  "long write(int, const uint8_t *, size_t)",
);
export const read: (fd: number, into: Uint8Array, count: number) => number = libc.func(
  "long read(int, uint8_t *, size_t)",
);
export const setns: (fd: number, kind: number) => number = libc.func("int setns(int, int)");
/** Declared for one pointer argument, as every request here takes one; the true prototype is variadic. */
export const ioctl: (fd: number, request: number, argument: Uint8Array) => number = libc.func(
  "int ioctl(int, unsigned long, uint8_t *)",
);
export const eventfd: (initial: number, flags: number) => number = libc.func(
  "int eventfd(unsigned int, int)",
);
/** 0: there is no such interface in the current namespace. */
export const interfaceIndex: (name: string) => number = libc.func(
  "unsigned int if_nametoindex(const char *)",
);
const strerror: (errno: number) => string = libc.func("const char *strerror(int)");

interface PollCall {
  async: (
    fds: Uint8Array,
    count: number,
    timeoutMs: number,
    done: (failure: unknown, ready: number) => void,
  ) => void;
}
export const poll: PollCall = libc.func("int poll(uint8_t *, unsigned long, int)");

/** Sets an option that is octets. */
export const setOptionOctets = (
  fd: number,
  level: number,
  option: number,
  value: Uint8Array,
): number => setsockopt(fd, level, option, value, value.length);

/** Address of a buffer's first octet, for structures that hold pointers. Keep the buffer referenced. */
export const addressOf = (buffer: Uint8Array): bigint => koffi.address(buffer);

/** Sets an option that is an int. */
export function setOption(fd: number, level: number, option: number, value: number): number {
  const octets = new Uint8Array(4);
  new DataView(octets.buffer).setInt32(0, value, true);
  return setsockopt(fd, level, option, octets, octets.length);
}

/** A call that the system refused. */
export interface SystemError {
  readonly kind: "system";
  /** What was called, with its object: "open /run/netns/a". */
  readonly call: string;
  readonly errno: number;
  /** "ENOENT". */
  readonly name: string;
  readonly detail: string;
}

/** The error of the call just made. Ask before any other call. */
export function systemError(call: string): SystemError {
  return systemErrorOf(call, koffi.errno());
}

export function systemErrorOf(call: string, errno: number): SystemError {
  return { kind: "system", call, errno, name: errnoName(errno), detail: errnoText(errno) };
}

/** The error of the call just made, as a number. Ask before any other call. */
export const lastErrno = (): number => koffi.errno();

export const ERRNO = {
  ENOENT: 2,
  EINTR: 4,
  EAGAIN: 11,
  EBADF: 9,
  EACCES: 13,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  EXFULL: 54,
  EBADMSG: 74,
  EPROTO: 71,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ENOBUFS: 105,
  EHOSTUNREACH: 113,
} as const;

const names: ReadonlyMap<number, string> = new Map([
  // The kernel's own "not supported" escapes to users here and there; the C library has no name for it.
  [524, "ENOTSUPP"],
  ...Object.entries(constants.errno)
    // Two names for one number: keep the one that errno(3) lists first.
    .filter(([name]: readonly [string, number]) => name !== "EWOULDBLOCK" && name !== "ENOTSUP")
    .map(([name, errno]: readonly [string, number]): [number, string] => [errno, name]),
]);

/** "ENOENT"; a number without a name stands for itself. */
export const errnoName = (errno: number): string => names.get(errno) ?? `errno ${errno}`;

export const errnoText = (errno: number): string => strerror(errno);
