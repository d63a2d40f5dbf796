/** Where what Node throws about files becomes an error value: once, at the edge. */
import { err, ok, type Result } from "../base/result.ts";
import type { SystemError } from "../kernel/libc.ts";

/** `call` is what was attempted, with its object: "make /run/weft". */
export function attempt<Value>(call: string, act: () => Value): Result<Value, SystemError> {
  try {
    return ok(act());
  } catch (thrown) {
    return err(systemErrorFrom(call, thrown));
  }
}

export function systemErrorFrom(call: string, thrown: unknown): SystemError {
  const detail = thrown instanceof Error ? thrown.message : String(thrown);
  const isSystem = thrown instanceof Error && "code" in thrown && "errno" in thrown;
  const name = isSystem ? String(thrown.code) : "EIO";
  const errno = isSystem ? Math.abs(Number(thrown.errno)) : 5;
  return { kind: "system", call, errno, name, detail };
}
