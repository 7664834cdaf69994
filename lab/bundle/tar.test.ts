import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeDigested } from './digest.ts';
import type { TarEntry } from './tar.ts';
import { tarBytes } from './tar.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'keelson-tar-'));
});
afterEach(async () => rm(dir, { recursive: true, force: true }));

async function written(entries: readonly TarEntry[], name = 'a.tar'): Promise<string> {
  await writeDigested(join(dir, name), tarBytes(entries));
  return join(dir, name);
}

test("the system's tar reads every kind of entry, with root as the owner and the time at zero", async () => {
  await writeFile(join(dir, 'program'), 'x'.repeat(1000));
  const path = await written([
    { type: 'directory', path: 'tmp', mode: 0o1777 },
    { type: 'file', path: 'etc/passwd', mode: 0o644, content: 'root\n' },
    { type: 'file', path: 'bin/program', mode: 0o755, from: join(dir, 'program') },
    { type: 'link', path: 'bin/other', target: 'program' },
  ]);
  const listing = execFileSync('tar', ['--list', '--verbose', '--numeric-owner', '--utc', '--file', path], {
    encoding: 'utf8',
  });
  const lines = listing.trim().split('\n');
  expect(lines.map((line) => line.replace(/\s+/g, ' '))).toEqual([
    'drwxrwxrwt 0/0 0 1970-01-01 00:00 tmp/',
    '-rw-r--r-- 0/0 5 1970-01-01 00:00 etc/passwd',
    '-rwxr-xr-x 0/0 1000 1970-01-01 00:00 bin/program',
    'lrwxrwxrwx 0/0 0 1970-01-01 00:00 bin/other -> program',
  ]);
  const content = execFileSync('tar', ['--extract', '--to-stdout', '--file', path, 'bin/program'], {
    encoding: 'utf8',
  });
  expect(content).toBe('x'.repeat(1000));
});

test.each([0, 1, 511, 512, 513])('a file of %i bytes leaves the next entry at a block boundary', async (size) => {
  const path = await written([
    { type: 'file', path: 'a', mode: 0o644, content: 'a'.repeat(size) },
    { type: 'file', path: 'b', mode: 0o644, content: 'bb' },
  ]);
  expect(execFileSync('tar', ['--extract', '--to-stdout', '--file', path, 'b'], { encoding: 'utf8' })).toBe('bb');
  expect((await readFile(path)).length % 512).toBe(0);
});

test('equal content gives equal bytes, whenever and whatever its source was', async () => {
  const source = join(dir, 'source');
  await writeFile(source, 'same', { mode: 0o600 });
  const entry: TarEntry = { type: 'file', path: 'f', mode: 0o755, from: source };
  const first = await readFile(await written([entry], 'first.tar'));
  await utimes(source, 1, 1);
  const second = await readFile(await written([entry], 'second.tar'));
  expect(second.equals(first)).toBe(true);
});

test('a name that the header cannot hold is refused instead of cut', async () => {
  const path = 'n'.repeat(101);
  await expect(written([{ type: 'file', path, mode: 0o644, content: '' }])).rejects.toThrow(
    'longer than the 100 bytes',
  );
});
