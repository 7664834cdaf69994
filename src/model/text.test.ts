import { describe, expect, test } from 'vitest';
import { plainText } from './text.ts';

describe('plainText', () => {
  test.each([
    ['colours', '\u001b[1;31mred\u001b[0m', 'red'],
    ['cursor movements', 'a\u001b[2J\u001b[10;20Hb', 'ab'],
    ['window titles', '\u001b]0;title\u0007text', 'text'],
    ['links', '\u001b]8;;http://x\u001b\\here\u001b]8;;\u001b\\', 'here'],
    ['device strings', 'a\u001bPq#0\u001b\\b', 'ab'],
    ['a string that never ends', 'a\u001b]0;rest', 'a'],
    ['C1 controls', 'a\u009b31mb\u0085c', 'abc'],
    ['short escapes', 'a\u001bcb\u001b(0c', 'abc'],
    ['bells, backspaces and NULs', 'a\u0007b\u0008c\u0000d\u007f', 'abcd'],
    ['what changes the direction of text', 'a\u202eb\u2066c\u200f', 'abc'],
    ['carriage returns, as new lines', 'a\r\nb\rc', 'a\nb\nc'],
    ['blanks around it', '\n a \n', 'a'],
  ])('takes out %s', (_what, text, expected) => {
    expect(plainText(text)).toBe(expected);
  });

  test('keeps tabs, lines and all other characters', () => {
    expect(plainText('a\tb\n€ 😀 [31m')).toBe('a\tb\n€ 😀 [31m');
  });

  test('leaves no control character, whatever comes', () => {
    for (let code = 0; code < 0x300; code++) {
      const rest = plainText(
        `x\u001b${String.fromCharCode(code)}y${String.fromCharCode(code)}z\u009d${String.fromCharCode(code)}`,
      );
      expect(rest).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
    }
  });

  test('keeps the end of a long text', () => {
    expect(plainText(`${'a'.repeat(100)}end`, 5)).toBe('…aend');
  });
});
