import { describe, expect, it } from 'vitest';
import { atMost, comparison } from './verdict.ts';

const between = (low: number, high: number) => ({ median: (low + high) / 2, low, high, count: 10 });

describe('a verdict', () => {
  it('is given by the whole interval', () => {
    expect(atMost(between(0.8, 1), 1)).toBe('met');
    expect(atMost(between(0.9, 1.01), 1)).toBe('not decided');
    expect(atMost(between(1.01, 1.2), 1)).toBe('missed');
  });

  it('nobody has won where the interval holds 1', () => {
    expect(comparison(between(0.5, 0.9))).toBe('won');
    expect(comparison(between(1.1, 1.9))).toBe('lost');
    expect(comparison(between(0.9, 1.1))).toBe('no difference shown');
  });
});
