import { expect, test } from 'vitest';
import { parseLibraries } from './base-entries.ts';

const folder = '/base/usr/lib/x86_64-linux-gnu';

test("libraries are read from what the loader lists, without the loader itself and the kernel's own", () => {
  const listed = `\tlinux-vdso.so.1 (0x00007f2381187000)
\tlibxtables.so.12 => ${folder}/libxtables.so.12 (0x00007f2381166000)
\tlibm.so.6 => ${folder}/libm.so.6 (0x00007f2381086000)
\t/lib64/ld-linux-x86-64.so.2 => /base/usr/lib64/ld-linux-x86-64.so.2 (0x00007f2381189000)
`;
  expect(parseLibraries(listed, folder)).toEqual(['libxtables.so.12', 'libm.so.6']);
});

test.each(['not found', '/lib/x86_64-linux-gnu/libm.so.6 (0x00007f2381086000)'])(
  'a library that is not in that file system is refused: %s',
  (where) => {
    expect(() => parseLibraries(`\tlibm.so.6 => ${where}\n`, folder)).toThrow(`the library libm.so.6 is not in`);
  },
);
