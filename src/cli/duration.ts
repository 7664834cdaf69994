const FACTORS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** `90s`, `10m`, `1h30m` in milliseconds; null for anything else. */
export function parseDuration(text: string): number | null {
  if (!/^(?:\d+(?:ms|s|m|h))+$/.test(text)) return null;
  let total = 0;
  for (const [, digits, unit] of text.matchAll(/(\d+)(ms|s|m|h)/g)) {
    total += Number(digits) * FACTORS[unit as keyof typeof FACTORS];
  }
  // Timers of the platform take no longer wait.
  return total > 0 && total < 2 ** 31 ? total : null;
}
