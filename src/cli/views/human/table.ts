import type { Style } from './style.ts';
import { padEnd, padStart, width, wrap } from './text.ts';

export interface Column<Row> {
  head: string;
  cell: (row: Row) => string;
  align?: 'right';
}

/** Where it has no room as a table, each row stands by itself, one line for each column. */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  style: Style,
  room = Number.POSITIVE_INFINITY,
): string[] {
  const cells = rows.map((row) => columns.map((c) => c.cell(row)));
  const widths = columns.map((c, n) => Math.max(width(c.head), ...cells.map((line) => width(line[n] ?? ''))));
  const whole = widths.reduce((sum, n) => sum + n, 2 * (widths.length - 1));
  if (whole > room) return cells.flatMap((line) => rowLines(columns, line, style, room));
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, n) => (columns[n]?.align === 'right' ? padStart(text, widths[n] ?? 0) : padEnd(text, widths[n] ?? 0)))
      .join('  ')
      .trimEnd();
  return [style.dim(line(columns.map((c) => c.head))), ...cells.map(line)];
}

/** What is not there (`-`) is left out. */
function rowLines<Row>(
  columns: readonly Column<Row>[],
  [first = '', ...rest]: readonly string[],
  style: Style,
  room: number,
): string[] {
  const names = columns.slice(1).map((c) => c.head.toLowerCase());
  const longest = Math.max(0, ...names.map((name) => name.length));
  const lines = rest.flatMap((text, n) => {
    if (text === '-') return [];
    const [begin = '', ...more] = wrap(text, room - longest - 4);
    return [
      `  ${style.dim((names[n] ?? '').padEnd(longest))}  ${begin}`,
      ...more.map((line) => `${' '.repeat(longest + 4)}${line.trimStart()}`),
    ];
  });
  return [style.bold(first), ...lines];
}
