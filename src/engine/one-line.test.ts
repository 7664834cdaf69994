import { describe, expect, it } from 'vitest';
import { oneLine } from './one-line.ts';

describe('oneLine', () => {
  it.each([
    ['plain text', 'plain text'],
    ['two\nlines\r\nhere', 'two lines here'],
    ['\u001b[31mred\u001b[0m', 'red'],
    ['\u001b[2J\u001b]0;title\u0007x', ']0;title x'],
    ['a\u202eb\u2028c', 'a b c'],
    ['\u009b31mx', '31mx'],
    ['Zürich – ok', 'Zürich – ok'],
  ])('%j -> %j', (text, expected) => {
    expect(oneLine(text)).toBe(expected);
  });

  it('is bounded', () => {
    expect(oneLine('x'.repeat(10_000))).toHaveLength(500);
  });
});
