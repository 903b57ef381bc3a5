/** Text in columns as kubectl lays it out: upper-case heads, three blanks between columns, no blanks at the end of a line. */
export function formatColumns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, index) => (widths[index] = Math.max(widths[index] ?? 0, cell.length)));
  return rows.map((row) => formatRow(row, widths)).join('');
}

/** One line for given widths (of a header printed before). */
export function formatRow(row: readonly string[], widths: readonly number[]): string {
  const cells = row.map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd((widths[index] ?? 0) + 3)));
  return `${cells.join('').trimEnd()}\n`;
}
