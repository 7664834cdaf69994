import type { Estimate } from '../lib/statistics.ts';

export interface Unit {
  readonly name: string;
  /** What a value is divided by. */
  readonly per: number;
  readonly digits: number;
}

export const units = {
  seconds: { name: 's', per: 1, digits: 2 },
  milliseconds: { name: 's', per: 1000, digits: 2 },
  shortTime: { name: 'ms', per: 1, digits: 0 },
  mebibytes: { name: 'MiB', per: 1, digits: 0 },
  kibibytes: { name: 'KiB', per: 1, digits: 0 },
  count: { name: '', per: 1, digits: 0 },
  mean: { name: '', per: 1, digits: 1 },
  times: { name: '', per: 1, digits: 2 },
} satisfies Record<string, Unit>;

/** `3.10 [2.95, 3.30] s`; without the interval where it is a point, as counts are. */
export function shown({ median, low, high }: Estimate, unit: Unit): string {
  const text = (value: number): string => (value / unit.per).toFixed(unit.digits);
  const interval = text(low) === text(high) ? '' : ` [${text(low)}, ${text(high)}]`;
  return `${text(median)}${interval}${unit.name === '' ? '' : ` ${unit.name}`}`;
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  return `${row(head)}${row(head.map((_, index) => (index === 0 ? '---' : '---:')))}${rows.map(row).join('')}`;
}
