import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cachedProgram, unfinished } from './program-cache.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'keelson-programs-'));
});
afterEach(async () => rm(dir, { recursive: true, force: true }));

function maker(content: string) {
  const calls: string[] = [];
  async function make(workDir: string, output: string): Promise<string> {
    calls.push(workDir);
    await writeFile(join(workDir, 'go.mod'), 'not part of the result');
    await writeFile(output, content);
    return 'v1';
  }
  return { calls, make };
}

test('a program is made once for one key and again for another', async () => {
  const { calls, make } = maker('one');
  const first = await cachedProgram(dir, 'tool', { version: 1 }, make);
  expect(first).toMatchObject({ version: 'v1', reused: false });
  expect(await readFile(first.path, 'utf8')).toBe('one');
  expect(await cachedProgram(dir, 'tool', { version: 1 }, make)).toMatchObject({ path: first.path, reused: true });
  expect(calls.length).toBe(1);

  const other = await cachedProgram(dir, 'tool', { version: 2 }, make);
  expect(other.path).not.toBe(first.path);
  expect(calls.length).toBe(2);
});

test('the cache holds the program and its version, not what it was made from', async () => {
  const { path } = await cachedProgram(dir, 'tool', 'key', maker('x').make);
  expect((await readdir(join(path, '..'))).sort()).toEqual(['tool', 'version']);
  expect((await readdir(dir)).filter((name) => name.startsWith(unfinished))).toEqual([]);
});

test('a build that fails leaves nothing that a later one could take for a program', async () => {
  const failing = async (_workDir: string, output: string): Promise<string> => {
    await writeFile(output, 'half');
    throw new Error('compiler error');
  };
  await expect(cachedProgram(dir, 'tool', 'key', failing)).rejects.toThrow('compiler error');
  const made = await cachedProgram(dir, 'tool', 'key', maker('whole').make);
  expect(made.reused).toBe(false);
  expect(await readFile(made.path, 'utf8')).toBe('whole');
});
