import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';

/** Compares with `__golden__/NAME.txt` in the folder of the test. UPDATE_GOLDEN=1 records it again. */
export function expectGolden(folder: string, name: string, text: string): void {
  const file = join(folder, '__golden__', `${name}.txt`);
  if (process.env.UPDATE_GOLDEN === '1') {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  expect(text).toBe(readFileSync(file, 'utf8'));
}
