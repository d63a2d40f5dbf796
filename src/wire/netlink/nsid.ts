/**
 * The number by which one network namespace knows another: RTM_GETNSID (linux/net_namespace.h).
 * Leaves out: assigning one, and asking by process.
 */
import type { Reader } from "../reader.ts";
import { emitU32, parseAttributes } from "./attribute.ts";
import { FLAG, type Request } from "./message.ts";

const RTM_GETNSID = 90;
const NSID = 1;
const FD = 3;

/** The nsid in an answer; null: none is assigned. */
export function parseNsid(r: Reader): number | null {
  let nsid: number | null = null;
  r.skip(4);
  parseAttributes(r, (type: number, value: Reader) => {
    if (type !== NSID) return;
    const number = value.s32le();
    nsid = number < 0 ? null : number;
  });
  return nsid;
}

/** How the socket's namespace numbers the one that the open file `fd` stands for. */
export function nsidQuery(fd: number): Request {
  return {
    operation: "read namespace id",
    object: `file descriptor ${fd}`,
    type: RTM_GETNSID,
    flags: FLAG.request,
    emit: (out: DataView, at: number): number => {
      out.setUint32(at, 0);
      return emitU32(out, at + 4, FD, fd);
    },
  };
}
