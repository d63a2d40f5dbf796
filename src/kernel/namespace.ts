/**
 * Network namespaces: entering one for the length of a synchronous function, and finding the one in which
 * the far end of a veth lives.
 *
 * Traps: a namespace belongs to a thread, so nothing that waits may happen inside (a socket stays in the
 * namespace that made it, whoever uses it later); a thread inherits its maker's, so the first asynchronous
 * file, DNS or koffi call of a process must not be made inside, or the pool lives there from then on.
 */
import { readdirSync, readlinkSync } from "node:fs";
import { err, invariant, ok, type Result } from "../base/result.ts";
import { nsidQuery, parseNsid } from "../wire/netlink/nsid.ts";
import {
  CLONE_NEWNET,
  close,
  O_CLOEXEC,
  O_RDONLY,
  open,
  type SystemError,
  setns,
  systemError,
} from "./libc.ts";
import { ask, type NetlinkSocket } from "./netlink.ts";

/** Of the calling thread, not of the process's first one. */
const OWN = "/proc/thread-self/ns/net";

/**
 * Runs `f` in the network namespace that the file `path` stands for ("/run/netns/a", "/proc/7/ns/net").
 * What `f` throws passes through, after the way back. `f` must not return a promise.
 */
export function withNamespace<T>(path: string, f: () => T): Result<T, SystemError> {
  const home = open(OWN, O_RDONLY | O_CLOEXEC);
  if (home < 0) return err(systemError(`open ${OWN}`));
  const there = open(path, O_RDONLY | O_CLOEXEC);
  if (there < 0) {
    const error = systemError(`open ${path}`);
    close(home);
    return err(error);
  }
  const entered = setns(there, CLONE_NEWNET);
  const error = entered < 0 ? systemError(`enter network namespace ${path}`) : null;
  close(there);
  if (error) {
    close(home);
    return err(error);
  }
  try {
    const value = f();
    invariant(!(value instanceof Promise), "nothing asynchronous runs inside another namespace");
    return ok(value);
  } finally {
    const returned = setns(home, CLONE_NEWNET);
    close(home);
    invariant(returned === 0, `no way back from network namespace ${path}`);
  }
}

const NAMED = "/run/netns";

/**
 * Finds namespaces by the number that the socket's own namespace gives them (`Link.lowerNamespace`). A
 * number can pass to another namespace, and a process can end: an answer is checked each time it is given,
 * and whoever opens the path later must still be ready to find it gone.
 */
export class NamespaceFinder {
  readonly #socket: NetlinkSocket;
  readonly #pathsByNsid = new Map<number, string>();

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** A file that stands for the namespace; null: none of this machine's visible ones is it. */
  find(nsid: number): string | null {
    const known = this.#pathsByNsid.get(nsid);
    if (known !== undefined && this.#nsidOf(known) === nsid) return known;
    this.#pathsByNsid.delete(nsid);
    // Names first: they stay when a process ends.
    for (const path of [...namedPaths(), ...processPaths()]) {
      const number = this.#nsidOf(path);
      if (number === null) continue;
      this.#pathsByNsid.set(number, path);
      if (number === nsid) return path;
    }
    return null;
  }

  #nsidOf(path: string): number | null {
    const fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return null;
    const answer = ask(this.#socket, nsidQuery(fd), parseNsid);
    close(fd);
    // A file in /run/netns that is no namespace is refused, and is not ours to complain about.
    return answer.ok ? (answer.value[0] ?? null) : null;
  }
}

function namedPaths(): readonly string[] {
  return entriesOf(NAMED).map((name: string) => `${NAMED}/${name}`);
}

/** One process for each namespace that any process is in. */
function processPaths(): readonly string[] {
  const pathsByInode = new Map<string, string>();
  for (const pid of entriesOf("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const path = `/proc/${pid}/ns/net`;
    const inode = linkTarget(path);
    if (inode !== null && !pathsByInode.has(inode)) pathsByInode.set(inode, path);
  }
  return [...pathsByInode.values()];
}

/** None where there is no such directory: a machine without named namespaces. */
function entriesOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}

/** Null when the process has ended meanwhile. */
function linkTarget(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}
