import { KeelsonError } from '../model/errors.ts';

/**
 * How a command learns that it should end. The first signal cancels: questions to machines end at once, a run ends at the next safe
 * boundary. The second stops everything at once.
 */
export interface Interruption {
  readonly cancel: AbortSignal;
  readonly stop: AbortSignal;
  /** Called by the process for each SIGINT, SIGTERM or SIGHUP. */
  readonly signalled: () => void;
  /** Called when `--timeout` has passed: like the first signal, with its own error. */
  readonly timedOut: (timeout: string) => void;
  /** Where to say what a signal does, while something runs that does not end at once. Gives back what undoes it. */
  readonly announceTo: (tell: (text: string) => void) => () => void;
  /** Something runs that takes its time to end well. */
  readonly busy: () => boolean;
  /** Set once something came. */
  readonly reason: () => KeelsonError | null;
}

export function interruption(): Interruption {
  const cancel = new AbortController();
  const stop = new AbortController();
  let reason: KeelsonError | null = null;
  let tell: ((text: string) => void) | null = null;
  return {
    cancel: cancel.signal,
    stop: stop.signal,
    signalled: () => {
      reason ??= new KeelsonError('interrupted', 'interrupted');
      if (!cancel.signal.aborted) {
        cancel.abort(reason);
        tell?.('stopping at the next safe boundary; press again to stop at once');
      } else {
        stop.abort(reason);
        tell?.('stopping at once');
      }
    },
    timedOut: (timeout) => {
      if (reason !== null) return;
      reason = new KeelsonError('timeout', `not done within --timeout ${timeout}`);
      cancel.abort(reason);
      tell?.(`--timeout ${timeout} has passed: stopping at the next safe boundary`);
    },
    announceTo: (next) => {
      const before = tell;
      tell = next;
      return () => {
        tell = before;
      };
    },
    busy: () => tell !== null,
    reason: () => reason,
  };
}
