/**
 * Exclusive use of directories: flock(2) on the directory itself, so that nothing is left behind and the kernel
 * lets go when the process ends, however it ends. Works on a bpffs too.
 */
import { readFileSync, statSync } from "node:fs";
import koffi from "koffi";
import { err, ok, type Result } from "../base/result.ts";
import {
  close,
  ERRNO,
  lastErrno,
  O_CLOEXEC,
  O_RDONLY,
  open,
  type SystemError,
  systemError,
} from "./libc.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;
const flock: (fd: number, operation: number) => number = koffi
  .load("libc.so.6")
  .func("int flock(int, int)");

/** Somebody else has it; `pid` is null if the kernel does not say who. */
export interface DirectoryHeld {
  readonly kind: "held";
  readonly path: string;
  readonly pid: number | null;
}

/** Locks each of `paths` until the process ends. Two names of one directory are one lock. */
export function lockDirectories(
  paths: readonly string[],
): Result<null, DirectoryHeld | SystemError> {
  const fds: number[] = [];
  const give = <E>(error: E): Result<never, E> => {
    for (const fd of fds) close(fd);
    return err(error);
  };
  const done = new Set<string>();
  for (const path of paths) {
    const fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return give(systemError(`open ${path}`));
    fds.push(fd);
    const { dev, ino } = statSync(path);
    if (done.has(`${dev} ${ino}`)) continue;
    done.add(`${dev} ${ino}`);
    if (flock(fd, LOCK_EX | LOCK_NB) === 0) continue;
    if (lastErrno() !== ERRNO.EAGAIN) return give(systemError(`lock ${path}`));
    return give({ kind: "held", path, pid: holderOf(dev, ino) });
  }
  return ok(null);
}

/** As /proc/locks tells: "1: FLOCK  ADVISORY  WRITE 4711 00:1a:33 0 EOF", device numbers in hexadecimal. */
function holderOf(device: number, inode: number): number | null {
  const major = Math.floor(device / 256) & 0xfff;
  const minor = (device & 0xff) | (Math.floor(device / 4096) & 0xfff00);
  const hex = (n: number): string => n.toString(16).padStart(2, "0");
  const wanted = `${hex(major)}:${hex(minor)}:${inode}`;
  const line = readFileSync("/proc/locks", "latin1")
    .split("\n")
    .map((l) => l.trim().split(/\s+/))
    .find((words) => words[1] === "FLOCK" && words[5] === wanted);
  return line ? Number(line[4]) : null;
}
