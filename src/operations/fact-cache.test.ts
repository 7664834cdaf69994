import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { factCache } from './fact-cache.ts';

let home = '';
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'keelson-cache-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe('factCache', () => {
  it('gives back what was written, for this vault alone, and shows it to nobody else', async () => {
    const from = { env: {}, home };
    await factCache('/a', from).write('one');
    await factCache('/a', from).write('two');
    expect(await factCache('/a', from).read()).toBe('two');
    expect(await factCache('/b', from).read()).toBeNull();
    const folder = join(home, '.cache/keelson/facts');
    const files = readdirSync(folder);
    expect(files).toHaveLength(1);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, files[0] ?? '')).mode & 0o777).toBe(0o600);
  });

  it('keeps to XDG_CACHE_HOME, unless that is relative', async () => {
    await factCache('/a', { env: { XDG_CACHE_HOME: join(home, 'other') }, home }).write('x');
    expect(readdirSync(join(home, 'other/keelson/facts'))).toHaveLength(1);
    const relative = factCache('/a', { env: { XDG_CACHE_HOME: 'here' }, home });
    await relative.write('x');
    expect(await relative.read()).toBe('x');
    expect(readdirSync(join(home, '.cache/keelson/facts'))).toHaveLength(1);
  });

  it('says nothing of a folder that cannot be written to', async () => {
    writeFileSync(join(home, '.cache'), 'a file');
    const cache = factCache('/a', { env: {}, home });
    await cache.write('x');
    expect(await cache.read()).toBeNull();
    expect(readFileSync(join(home, '.cache'), 'utf8')).toBe('a file');
  });
});
