import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { allowInotify } from './inotify.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lab-inotify-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the limit of inotify instances', () => {
  it.each([
    ['128\n', '1024\n', 1],
    ['1024\n', '1024\n', 0],
    ['8192\n', '8192\n', 0],
  ])('%j becomes %j', (before, after, said) => {
    const file = join(folder, 'limit');
    writeFileSync(file, before);
    const lines: string[] = [];
    allowInotify((line) => lines.push(line), file);
    expect(readFileSync(file, 'utf8')).toBe(after);
    expect(lines).toHaveLength(said);
  });
});
