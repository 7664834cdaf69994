/** Random choices that one seed decides. */
export interface Rng {
  /** At least 0 and less than 1. */
  readonly next: () => number;
  /** A whole number from 0, less than `n`. */
  readonly below: (n: number) => number;
  readonly pick: <T>(choices: readonly [T, ...T[]]) => T;
  readonly chance: (probability: number) => boolean;
}

export function rng(seed: number): Rng {
  const next = mulberry32(seed);
  const below = (n: number): number => Math.floor(next() * n);
  return {
    next,
    below,
    pick: (choices) => choices[below(choices.length)] ?? choices[0],
    chance: (probability) => next() < probability,
  };
}

/** A small generator with a full 32-bit period: https://github.com/bryc/code/blob/master/jshash/PRNGs.md */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
