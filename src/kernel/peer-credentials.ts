/** Who is at the other end of a unix socket: SO_PEERCRED of unix(7), as the kernel saw it when they connected. */
import koffi from "koffi";
import { err, ok, type Result } from "../base/result.ts";
import { SOL_SOCKET, type SystemError, systemError } from "./libc.ts";

const SO_PEERCRED = 17;
const getsockopt: (
  fd: number,
  level: number,
  option: number,
  into: Uint8Array,
  octets: Uint32Array,
) => number = koffi.load("libc.so.6").func("int getsockopt(int, int, int, uint8_t *, uint32_t *)");

export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

export function readPeerCredentials(fd: number): Result<PeerCredentials, SystemError> {
  const into = new Uint8Array(12);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, into, Uint32Array.of(into.length)) < 0)
    return err(systemError("read the credentials of a unix socket's peer"));
  const view = new DataView(into.buffer);
  return ok({
    pid: view.getInt32(0, true),
    uid: view.getUint32(4, true),
    gid: view.getUint32(8, true),
  });
}
