/** Numbers for people: never a best run, always the middle one with the range in which it would fall again. */
export interface Estimate {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

const RESAMPLES = 10_000;
const OUTSIDE = 0.05;

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('there is no median of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The median and its 95 % interval by the percentile bootstrap; the same numbers give the same interval. */
export function estimate(values: readonly number[]): Estimate {
  const random = generator();
  return intervalOf(median(values), values.length, () => median(resample(values, random)));
}

/**
 * The ratio of two medians, of which each pair of values comes from the same round: rounds are drawn, not values, so what
 * made one round slow for both does not widen the interval.
 */
export function ratio(pairs: readonly (readonly [of: number, to: number])[]): Estimate {
  const random = generator();
  const quotient = (drawn: readonly (readonly [number, number])[]): number =>
    median(drawn.map(([of]) => of)) / median(drawn.map(([, to]) => to));
  return intervalOf(quotient(pairs), pairs.length, () => quotient(resample(pairs, random)));
}

function intervalOf(middle: number, count: number, draw: () => number): Estimate {
  const drawn = Array.from({ length: RESAMPLES }, draw).sort((a, b) => a - b);
  const at = (share: number): number => drawn[Math.min(RESAMPLES - 1, Math.floor(share * RESAMPLES))] ?? Number.NaN;
  return { median: middle, low: at(OUTSIDE / 2), high: at(1 - OUTSIDE / 2), count };
}

function resample<T>(values: readonly T[], random: () => number): T[] {
  return values.map(() => values[Math.floor(random() * values.length)] as T);
}

/** Mulberry32: a report of the same results has to be the same text. */
function generator(): () => number {
  let state = 0x6b65656c;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
