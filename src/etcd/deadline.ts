export interface Deadline {
  /** Aborted when the time is over, or with the caller's own reason. */
  readonly signal: AbortSignal;
  readonly isOver: () => boolean;
  readonly remainingMs: () => number;
  readonly end: () => void;
}

/** Not `AbortSignal.timeout`: its timer lives on after the call, and lets the process end while somebody waits for it. */
export function startDeadline(timeoutMs: number, signal: AbortSignal): Deadline {
  const controller = new AbortController();
  const started = performance.now();
  let over = false;
  const timer = setTimeout(() => {
    over = true;
    controller.abort(new Error('the deadline has passed'));
  }, timeoutMs);
  const onAbort = (): void => controller.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  return {
    signal: controller.signal,
    isOver: () => over,
    remainingMs: () => Math.max(0, timeoutMs - (performance.now() - started)),
    end: () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    },
  };
}

/** Settles as the promise does, or rejects with the signal's reason as soon as that is aborted. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
