/** "Did you mean": the known word nearest to an unknown one. */
import { compareText } from "../base/text.ts";

/** The candidate within a third of the word's letters (at least two), ignoring case; null if none is near. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  const limit = Math.max(2, Math.floor(word.length / 3));
  let best: string | null = null;
  let bestEdits = limit + 1;
  for (const candidate of [...candidates].sort(compareText)) {
    // Words of three letters are all within two edits of each other.
    const edits = editsBetween(word.toLowerCase(), candidate.toLowerCase());
    if (edits < bestEdits && edits < candidate.length) [best, bestEdits] = [candidate, edits];
  }
  return best;
}

/** Levenshtein's distance: letters inserted, removed or replaced. */
function editsBetween(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i: number) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
