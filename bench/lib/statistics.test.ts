import { describe, expect, it } from 'vitest';
import { estimate, median, ratio } from './statistics.ts';

describe('median', () => {
  it('is the middle value, or lies between the two middle ones', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([9, 1, 5, 7])).toBe(6);
  });

  it('of nothing is an error, not zero', () => {
    expect(() => median([])).toThrow('nothing');
  });
});

describe('estimate', () => {
  const values = [10, 11, 12, 13, 14, 15, 16, 17, 18, 90];

  it('gives an interval around the median that one outlier does not move', () => {
    const found = estimate(values);
    expect(found).toMatchObject({ median: 14.5, count: 10 });
    expect(found.low).toBeGreaterThanOrEqual(11);
    expect(found.low).toBeLessThan(14.5);
    expect(found.high).toBeGreaterThan(14.5);
    expect(found.high).toBeLessThanOrEqual(18);
  });

  it('is the same each time', () => {
    expect(estimate(values)).toEqual(estimate(values));
  });

  it('narrows to a point where all values are the same', () => {
    expect(estimate([3, 3, 3, 3])).toEqual({ median: 3, low: 3, high: 3, count: 4 });
  });
});

describe('ratio', () => {
  it('keeps the values of a round together', () => {
    const pairs = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => [n, 2 * n] as const);
    expect(ratio(pairs)).toEqual({ median: 0.5, low: 0.5, high: 0.5, count: 8 });
  });

  it('is of medians', () => {
    expect(ratio([[1, 10] as const, [2, 10] as const, [90, 10] as const]).median).toBe(0.2);
  });
});
