/** Outcomes as values, and the two ways in which our own bugs end the process. */

/** Outcome of an operation that can fail for reasons the caller must handle. */
export type Result<T, E> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: E };

export const ok = <T>(value: T): Result<T, never> => ({ ok: true, value });
export const err = <E>(error: E): Result<never, E> => ({ ok: false, error });

/** A broken invariant: our bug, never the peer's or the operator's. Crashes the process. */
export class InvariantError extends Error {
  override readonly name: string = "InvariantError";
}

export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** Closes a switch over a union: adding a member breaks the build here, not in production. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${JSON.stringify(value)}`);
}
