import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { removeAllLabs, removeLab } from './lab.ts';
import { refuseForeign } from './ownership.ts';

let scratch = '';

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'keelson-lab-'));
  vi.stubEnv('KEELSON_CACHE', join(scratch, 'mine'));
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(scratch, { recursive: true });
});

describe('removing a lab', () => {
  it('is refused to another user before anything is touched', async () => {
    vi.spyOn(process, 'getuid').mockReturnValue(65534);
    await expect(removeLab('ownership-test')).rejects.toMatchObject({ code: 'lab-not-root' });
    await expect(removeAllLabs()).rejects.toMatchObject({ code: 'lab-not-root' });
  });
});

describe('a lab of another cache', () => {
  it('is not taken for the own one of the same name', () => {
    const theirs = join(scratch, 'theirs/labs/demo');
    mkdirSync(theirs, { recursive: true });
    const asked: string[] = [];
    const refuse = (): void =>
      refuseForeign('demo', (bridge) => {
        asked.push(bridge);
        return theirs;
      });
    expect(refuse).toThrow(expect.objectContaining({ code: 'lab-of-another-cache' }));
    expect(refuse).toThrow(theirs);
    expect(asked[0]).toBe('kl-demo');
  });

  it.each([
    ['nothing runs', () => ''],
    ['it is the own one', () => join(scratch, 'mine/labs/demo')],
    ['its folder is gone', () => join(scratch, 'gone/labs/demo')],
  ])('stands in nobody’s way where %s', (_what, alias) => {
    expect(() => refuseForeign('demo', alias)).not.toThrow();
  });
});
