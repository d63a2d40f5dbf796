/**
 * Budgets of answers, an owner's own, as the time until which what was spent is not yet earned back: the agent's
 * counterpart of datapath/lib/bucket.h (RFC 4443 section 2.4 (f), RFC 1812 section 4.3.2.8).
 */

/** By owner, in milliseconds. Who is not in it has spent nothing. */
export type Budgets = ReadonlyMap<number, number>;

const PER_SECOND = 100;
const EACH_MS: number = 1000 / PER_SECOND;
/** So many at once, after a silence. */
const BURST_MS: number = 20 * EACH_MS;

/** Budgets after one more answer; null: its owner has spent his. */
export function spendOne(budgets: Budgets, owner: number, nowMs: number): Budgets | null {
  const until = Math.max(budgets.get(owner) ?? 0, nowMs);
  if (until - nowMs >= BURST_MS) return null;
  // Those that are earned back are as good as never spent: what is kept does not grow with the tenants that there are.
  const owing = [...budgets].filter(([, untilMs]) => untilMs > nowMs);
  return new Map([...owing, [owner, until + EACH_MS]]);
}
