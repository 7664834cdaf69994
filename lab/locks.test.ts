import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockFile, tryLockFile, withLock } from './locks.ts';

describe.runIf(process.platform === 'linux')('locks', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'keelson-locks-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('lets one in at a time, and the next after it', async () => {
    const path = join(directory, 'lock');
    let inside = 0;
    let most = 0;
    const work = () =>
      withLock(path, async () => {
        inside += 1;
        most = Math.max(most, inside);
        await new Promise((resolve) => setTimeout(resolve, 5));
        inside -= 1;
      });
    await Promise.all(Array.from({ length: 8 }, work));
    expect(most).toBe(1);
    expect(existsSync(path)).toBe(false);
  });

  it('answers at once where another holds it', async () => {
    const path = join(directory, 'lock');
    const lock = await lockFile(path);
    expect(await tryLockFile(path)).toBeUndefined();
    await lock.release();
    const next = await tryLockFile(path);
    expect(next).toBeDefined();
    await next?.release();
  });

  it('is free again when its holder is killed', async () => {
    const path = join(directory, 'lock');
    const module = JSON.stringify(join(import.meta.dirname, 'locks.ts'));
    const code = `const { lockFile } = await import(${module}); await lockFile(${JSON.stringify(path)}); console.log('held'); setInterval(() => {}, 1000);`;
    const holder = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    expect(await tryLockFile(path)).toBeUndefined();
    holder.kill('SIGKILL');
    const lock = await lockFile(path);
    await lock.release();
  });
});
