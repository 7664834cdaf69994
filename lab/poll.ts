import { setTimeout as sleep } from 'node:timers/promises';

/** Asks again until there is an answer. A deadline passed rejects and names what was waited for. */
export async function waitFor<T>(
  what: string,
  timeoutMs: number,
  ask: () => T | undefined | Promise<T | undefined>,
  intervalMs = 30,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs / 1000} s in vain for ${what}`);
    await sleep(intervalMs);
  }
}
