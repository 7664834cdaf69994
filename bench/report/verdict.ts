import type { Estimate } from '../lib/statistics.ts';

export type Verdict = 'met' | 'missed' | 'not decided';

/** Of a value that should be at most the limit: the whole interval decides, not its middle. */
export function atMost(found: Estimate, limit: number): Verdict {
  if (found.high <= limit) return 'met';
  return found.low > limit ? 'missed' : 'not decided';
}

/** Of a ratio in which less is better. */
export function comparison(found: Estimate): 'won' | 'lost' | 'no difference shown' {
  if (found.high < 1) return 'won';
  return found.low > 1 ? 'lost' : 'no difference shown';
}
