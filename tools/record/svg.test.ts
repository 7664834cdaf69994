import { describe, expect, it } from 'vitest';
import { parseLine } from './screen.ts';
import { picture } from './svg.ts';

const ESC = '\u001b';

describe('parseLine', () => {
  it('keeps each look with the column it begins at', () => {
    expect(parseLine(`${ESC}[32m✔${ESC}[39m ${ESC}[1metcd-0${ESC}[0m  ${ESC}[2mdone${ESC}[22m`)).toEqual([
      { column: 0, text: '✔', bold: false, dim: false, colour: 'green' },
      { column: 2, text: 'etcd-0', bold: true, dim: false, colour: null },
      { column: 10, text: 'done', bold: false, dim: true, colour: null },
    ]);
  });

  it('finds nothing on an empty line', () => {
    expect(parseLine(`${ESC}[36m   ${ESC}[39m`)).toEqual([]);
  });
});

describe('picture', () => {
  const options = { columns: 20, rows: 3, holdMs: 1000, title: 'a <session>' };

  it('writes a line that frames share once, and stands at the last frame without animation', () => {
    const svg = picture(
      [
        { atMs: 0, lines: ['$ ls'] },
        { atMs: 500, lines: ['$ ls', 'a & b'] },
      ],
      options,
    );
    expect(svg.match(/<text /g)).toHaveLength(2);
    expect(svg.match(/<use /g)).toHaveLength(3);
    expect(svg).toContain('a &amp; b');
    expect(svg).toContain('aria-label="a &lt;session&gt;"');
    expect(svg).toContain('<g id="film" transform="translate(-196.6)">');
    expect(svg).toContain('33.333%{transform:translateX(-196.6px)}');
  });

  it('is never made of nothing', () => {
    expect(() => picture([], options)).toThrow('needs a frame');
  });
});
