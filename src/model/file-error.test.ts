import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { cannotRead, cannotWrite } from './file-error.ts';

const folder = mkdtempSync(join(tmpdir(), 'keelson-file-error-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error,
  );
const reading = async (path: string): Promise<string> => cannotRead(path, await failure(readFile(path)));

it('says why a file cannot be read, by what the system itself says', async () => {
  writeFileSync(join(folder, 'file'), '');
  expect(await reading(join(folder, 'none'))).toBe(`${folder}/none does not exist`);
  expect(await reading(folder)).toBe(`${folder} cannot be read: it is a directory`);
  expect(await reading(join(folder, 'file', 'x'))).toBe(
    `${folder}/file/x cannot be read: a part of its path is a file and no directory`,
  );
});

it('says why a file cannot be written', async () => {
  const path = join(folder, 'none', 'x');
  expect(cannotWrite(path, await failure(writeFile(path, '')))).toBe(
    `${path} cannot be written: a folder on its path does not exist`,
  );
});

it('knows what cannot be brought about here, and does not hide what it does not know', () => {
  const of = (code: string): Error => Object.assign(new Error('text'), { code });
  expect(cannotRead('x', of('EACCES'))).toBe('x cannot be read: permission denied');
  expect(cannotWrite('x', of('ENOSPC'))).toBe('x cannot be written: no space is left on the disk');
  expect(cannotRead('x', of('EWHATEVER'))).toBe('x cannot be read: EWHATEVER');
  expect(cannotRead('x', new Error('text'))).toBe('x cannot be read: text');
  expect(cannotRead('x', 'text')).toBe('x cannot be read: text');
});
