import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { identityFileProblem } from './identity-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'keelson-identity-file-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('names the file and what is wrong with it', async () => {
  const key = join(folder, 'key');
  expect(await identityFileProblem(key)).toBe(`its identityFile ${key} does not exist`);
  expect(await identityFileProblem(folder)).toBe(`its identityFile ${folder} is a directory`);
  writeFileSync(key, 'x', { mode: 0o600 });
  expect(await identityFileProblem(key)).toBeNull();
  chmodSync(key, 0o644);
  expect(await identityFileProblem(key)).toContain(`${key} (mode 644), and ssh does not use such a key`);
});
