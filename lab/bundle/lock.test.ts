import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withLock } from './lock.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'keelson-lock-'));
});
afterEach(async () => rm(dir, { recursive: true, force: true }));

test('the second waits, says so, and runs after the first has ended', async () => {
  const path = join(dir, 'lock');
  const order: string[] = [];
  let waiting = () => {};
  const secondWaits = new Promise<void>((resolve) => {
    waiting = resolve;
  });
  let entered = () => {};
  const firstEntered = new Promise<void>((resolve) => {
    entered = resolve;
  });
  const first = withLock(path, expect.unreachable, async () => {
    entered();
    await secondWaits;
    order.push('first');
  });
  await firstEntered;
  const second = withLock(path, waiting, async () => {
    order.push('second');
  });
  await Promise.all([first, second]);
  expect(order).toEqual(['first', 'second']);
});

test('the lock is free again when the work under it fails', async () => {
  const path = join(dir, 'lock');
  const failing = withLock(path, expect.unreachable, async () => {
    throw new Error('disk full');
  });
  await expect(failing).rejects.toThrow('disk full');
  expect(await withLock(path, expect.unreachable, async () => 'mine')).toBe('mine');
});

test('the lock of a process that was killed is free', async () => {
  const path = join(dir, 'lock');
  const source = `
    import { withLock } from ${JSON.stringify(join(import.meta.dirname, 'lock.ts'))};
    await withLock(${JSON.stringify(path)}, () => {}, async () => {
      process.stdout.write('held');
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    });`;
  const holder = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  holder.kill('SIGKILL');
  expect(
    await withLock(
      path,
      () => undefined,
      async () => 'mine',
    ),
  ).toBe('mine');
});
