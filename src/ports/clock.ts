/** Time comes through this port alone, so that the simulation and the tests own it. */
export interface Clock {
  readonly now: () => Date;
  /** Resolves after `ms`; rejects with the signal's reason as soon as it is aborted. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Milliseconds since an arbitrary start; never goes backwards, even when the wall clock is set. */
  readonly monotonicMs: () => number;
}
