/**
 * Steps of one machine may run side by side; putting a lost connection right may not run beside any of them, because it ends all of
 * keelson's commands there. Who waits for the machine alone is served before new steps.
 */
export interface HostGate {
  readonly shared: <T>(work: () => Promise<T>) => Promise<T>;
  readonly alone: <T>(work: () => Promise<T>) => Promise<T>;
}

export function hostGate(): HostGate {
  let inside = 0;
  let last: Promise<unknown> = Promise.resolve();
  let waitingAlone = 0;
  let onEmpty: (() => void) | null = null;

  async function shared<T>(work: () => Promise<T>): Promise<T> {
    while (waitingAlone > 0) await last;
    inside += 1;
    try {
      return await work();
    } finally {
      inside -= 1;
      if (inside === 0) onEmpty?.();
    }
  }

  function alone<T>(work: () => Promise<T>): Promise<T> {
    waitingAlone += 1;
    const mine = last.then(async () => {
      try {
        if (inside > 0) {
          await new Promise<void>((resolve) => {
            onEmpty = resolve;
          });
          onEmpty = null;
        }
        return await work();
      } finally {
        waitingAlone -= 1;
      }
    });
    last = mine.catch(() => {});
    return mine;
  }

  return { shared, alone };
}
