/** Rows of cells as aligned lines, the first row its head. */

/** `numbers`: all columns but the first end at the right, so that figures stand under one another. */
export function renderTable(
  rows: readonly (readonly string[])[],
  columns: "words" | "numbers",
): readonly string[] {
  const widths = (rows[0] ?? []).map((_, i) =>
    Math.max(...rows.map((row) => (row[i] ?? "").length)),
  );
  return rows.map((row) =>
    row
      .map((cell, i) => {
        const width = widths[i] ?? 0;
        return columns === "words" || i === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ")
      .trimEnd(),
  );
}
