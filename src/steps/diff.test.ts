import { describe, expect, it } from 'vitest';
import { diffLines } from './diff.ts';

const lines = (...all: readonly string[]): string => all.map((line) => `${line}\n`).join('');

describe('diffLines', () => {
  it.each([
    ['a new file', '', lines('a', 'b'), ['+a', '+b']],
    ['a file that is emptied', lines('a', 'b'), '', ['-a', '-b']],
    ['nothing', lines('a'), lines('a'), ['...']],
    [
      'a line in the middle, with two lines around it',
      lines('1', '2', '3', 'x', '4', '5', '6'),
      lines('1', '2', '3', 'y', '4', '5', '6'),
      ['...', ' 2', ' 3', '-x', '+y', ' 4', ' 5', '...'],
    ],
    ['the first line', lines('x', '1'), lines('y', '1'), ['-x', '+y', ' 1']],
    ['lines put before one that stands twice', lines('a', 'a'), lines('b', 'a', 'a'), ['+b', ' a', ' a']],
    ['lines taken from the end', lines('a', 'b', 'c'), lines('a'), [' a', '-b', '-c']],
  ])('%s', (_what, before, after, wanted) => {
    expect(diffLines(before, after)).toEqual(wanted);
  });

  it('tells only the size of what nobody reads', () => {
    expect(diffLines(lines(...Array<string>(3000).fill('a')), lines(...Array<string>(3000).fill('b')))).toEqual([
      '(3000 lines become 3000 lines)',
    ]);
  });
});
