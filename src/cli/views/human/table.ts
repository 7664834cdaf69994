import type { Style } from './style.ts';
import { padEnd, padStart, width } from './text.ts';

export interface Column<Row> {
  head: string;
  cell: (row: Row) => string;
  align?: 'right';
}

export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], style: Style): string[] {
  const cells = rows.map((row) => columns.map((c) => c.cell(row)));
  const widths = columns.map((c, n) => Math.max(width(c.head), ...cells.map((line) => width(line[n] ?? ''))));
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, n) => (columns[n]?.align === 'right' ? padStart(text, widths[n] ?? 0) : padEnd(text, widths[n] ?? 0)))
      .join('  ')
      .trimEnd();
  return [style.dim(line(columns.map((c) => c.head))), ...cells.map(line)];
}
