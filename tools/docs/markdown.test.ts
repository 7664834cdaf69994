import { describe, expect, it } from 'vitest';
import { callsOf, readPage } from './markdown.ts';

describe('readPage', () => {
  it('finds links, images and inline code outside of blocks', () => {
    const page = readPage('See [a](b.md#c), ![p](q.svg) and `[no](link)`.\n\n```sh\n[not](this)\n```\n');
    expect(page.links.map((l) => l.target)).toEqual(['b.md#c', 'q.svg']);
    expect(page.codes).toEqual([{ text: '[no](link)', line: 1 }]);
    expect(page.blocks).toEqual([{ language: 'sh', text: '[not](this)\n', line: 4 }]);
  });

  it('makes anchors as GitHub does', () => {
    const page = readPage('# What `apply` does, step by step\n## Limits\n## Limits\n');
    expect([...page.anchors]).toEqual(['what-apply-does-step-by-step', 'limits', 'limits-1']);
  });

  it('refuses a block without end', () => {
    expect(() => readPage('```\ntext\n')).toThrow('never ends');
  });
});

describe('callsOf', () => {
  const block = (language: string, text: string) => ({ language, text, line: 10 });

  it('takes what stands after a prompt, and not what was printed', () => {
    const calls = callsOf(
      block('console', '$ keelson plan --diff   # look\nkeelson lies\n$ ls | bin/keelson -f -\n'),
      'keelson',
    );
    expect(calls).toEqual([
      { words: ['plan', '--diff'], line: 10 },
      { words: ['-f', '-'], line: 12 },
    ]);
  });

  it('takes every line where there is no prompt', () => {
    const calls = callsOf(block('sh', 'NO_COLOR=1 keelson plan && keelson apply\n'), 'keelson');
    expect(calls.map((c) => c.words)).toEqual([['plan'], ['apply']]);
  });
});
