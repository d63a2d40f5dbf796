/** Of a next hop whose MAC changes: what was written, and what should have been. Pure. */

export interface NeighbourFigures {
  readonly endpoints: number;
  /** Rows that the agent wrote until it was ready. */
  readonly loaded: number;
  /** Rows written when nothing happened, in as long as each change was watched. */
  readonly quiet: number;
  /** Rows written, a number for each change. */
  readonly rows: readonly number[];
}

/** One row for each change, whatever is behind it; and the tables did hold what was meant to be behind it. */
export const isFrugal = ({ endpoints, loaded, quiet, rows }: NeighbourFigures): boolean =>
  loaded >= endpoints && quiet === 0 && rows.length > 0 && rows.every((count) => count === 1);
