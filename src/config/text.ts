import type { ConfigCode } from './problem.ts';
import { said } from './said.ts';

const MAX_BYTES = 1024 * 1024;
const MAX_TABS = 10;

export interface TextProblem {
  code: ConfigCode;
  offset: number;
  said: string;
}

/** What no YAML parser should be given. Any of these ends the reading: what follows from it would only confuse. */
export function checkText(text: string): TextProblem[] {
  // UTF-8 has at least as many bytes as UTF-16 has units: no need to encode something enormous.
  if (text.length > MAX_BYTES || utf8Length(text) > MAX_BYTES) {
    return [
      { code: 'config.too-large', offset: 0, said: said('is larger than 1 MiB', 'check that this is the right file') },
    ];
  }
  const found = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffd\ufffe\uffff]|\p{Surrogate}/u.exec(text);
  if (found !== null) return [{ code: 'config.encoding', offset: found.index, said: encodingProblem(found[0]) }];
  return tabProblems(text);
}

function tabProblems(text: string): TextProblem[] {
  const found: TextProblem[] = [];
  for (const tab of text.matchAll(/^ *\t/gm)) {
    const offset = tab.index + tab[0].length - 1;
    found.push({ code: 'config.syntax', offset, said: said('a tab in the indentation', 'indent with blanks') });
    if (found.length === MAX_TABS) break;
  }
  return found;
}

function encodingProblem(character: string): string {
  if (character === '\ufffd' || /\p{Surrogate}/u.test(character)) {
    return said('is not UTF-8 text', 'save the file as UTF-8');
  }
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return said(`holds the control character U+${code}`, 'remove it');
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}
