import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../ports/clock.ts';
import { realFileSystem } from './files.ts';
import { type LocalProcess, thisProcess } from './local-process.ts';
import { withFileLock } from './lock.ts';

const clock: Clock = {
  now: () => new Date('2026-11-21T10:15:00Z'),
  sleep: (ms) => new Promise((done) => setTimeout(done, ms)),
  monotonicMs: () => performance.now(),
};

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keelson-lock-'));
  path = join(folder, 'vault.lock');
});
afterEach(() => rmSync(folder, { recursive: true }));

function withLock<T>(body: () => Promise<T>, waitMs = 0): Promise<T> {
  return withFileLock(path, { fs: realFileSystem, clock, waitMs }, body);
}

function heldBy(holder: LocalProcess): void {
  writeFileSync(path, JSON.stringify({ version: 1, ...holder, since: '2026-11-21T09:00:00.000Z', nonce: 'f00d' }));
}

describe('withFileLock', () => {
  it('gives the lock back, also after a failure', async () => {
    expect(await withLock(() => Promise.resolve(readdirSync(folder)))).toEqual(['vault.lock']);
    await expect(withLock(() => Promise.reject(new Error('of the body')))).rejects.toThrow('of the body');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('waits for a living holder, then says who it is', async () => {
    const child = spawn('sleep', ['60']);
    try {
      const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
      const pidStart = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
      heldBy({ ...(await thisProcess()), pid: child.pid ?? 0, pidStart });
      const text = readFileSync(path, 'utf8');
      await expect(withLock(() => Promise.resolve(), 80)).rejects.toMatchObject({
        code: 'vault.busy',
        exitCode: 4,
        message: expect.stringContaining(`process ${child.pid} on `),
      });
      expect(readFileSync(path, 'utf8')).toBe(text);
      // The same number, another process: the pid has been used again.
      heldBy({ ...(await thisProcess()), pid: child.pid ?? 0, pidStart: '1' });
      expect(await withLock(() => Promise.resolve('mine'))).toBe('mine');
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('takes it over from a process that has ended, and from one before the machine’s last start', async () => {
    const me = await thisProcess();
    const dead = spawnSync('true').pid;
    for (const holder of [
      { ...me, pid: dead },
      { ...me, bootId: 'another boot' },
    ]) {
      heldBy(holder);
      expect(await withLock(() => Promise.resolve('mine'))).toBe('mine');
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  it('takes over what a power cut has left of a lock', async () => {
    for (const text of ['', '{"version":1,"host"']) {
      writeFileSync(path, text);
      expect(await withLock(() => Promise.resolve('mine'))).toBe('mine');
    }
  });

  it('never judges a process of another machine', async () => {
    heldBy({ host: 'another-machine', bootId: 'another boot', pid: 1, pidStart: '1' });
    await expect(withLock(() => Promise.resolve())).rejects.toMatchObject({
      code: 'vault.busy',
      action: expect.stringContaining(path),
    });
  });

  it('lets one at a time through, in one process and in several', async () => {
    const counter = join(folder, 'counter');
    writeFileSync(counter, '0');
    const script = `
      import { readFileSync, writeFileSync } from 'node:fs';
      const { withFileLock } = await import(${JSON.stringify(join(import.meta.dirname, 'lock.ts'))});
      const { realFileSystem: fs } = await import(${JSON.stringify(join(import.meta.dirname, 'files.ts'))});
      const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
      const clock = { now: () => new Date(), sleep: () => sleep(1), monotonicMs: () => performance.now() };
      for (let i = 0; i < 15; i++) {
        await withFileLock(${JSON.stringify(path)}, { fs, clock }, async () => {
          const seen = Number(readFileSync(${JSON.stringify(counter)}, 'utf8'));
          await sleep(1);
          writeFileSync(${JSON.stringify(counter)}, String(seen + 1));
        });
      }`;
    const children = [1, 2].map(
      () =>
        new Promise<number | null>((done) => {
          spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' }).on('exit', done);
        }),
    );
    const own = Array.from({ length: 5 }, () =>
      withLock(async () => {
        const seen = Number(readFileSync(counter, 'utf8'));
        await clock.sleep(2);
        writeFileSync(counter, String(seen + 1));
      }, 10_000),
    );
    await Promise.all(own);
    expect(await Promise.all(children)).toEqual([0, 0]);
    expect(readFileSync(counter, 'utf8')).toBe('35');
    expect(readdirSync(folder)).toEqual(['counter']);
  });
});
