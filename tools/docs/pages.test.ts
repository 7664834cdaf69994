import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commands, globalOptions } from '../../src/cli/commands.ts';
import type { CommandSpec } from '../../src/cli/define.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { errorCodes } from '../../src/model/codes.ts';
import { callsOf, type Page, readPage } from './markdown.ts';

// Holds what the pages say to what there is: links, files, cluster examples, commands and their flags, codes, make targets.

const root = join(import.meta.dirname, '../..');
const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.md'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\0')
  .filter((file) => file !== '' && existsSync(join(root, file)))
  .sort();
const pages = new Map<string, Page>(files.map((file) => [file, readPage(readFileSync(join(root, file), 'utf8'))]));

function findings(look: (page: Page, file: string) => readonly string[]): string[] {
  return [...pages].flatMap(([file, page]) => look(page, file).map((what) => `${file}:${what}`));
}

describe('pages', () => {
  it('are there', () => {
    expect(files).toEqual(expect.arrayContaining(['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md']));
  });

  it('link to files and headings that exist', () => {
    expect(findings((page, file) => page.links.flatMap((l) => linkProblem(l.target, l.line, page, file)))).toEqual([]);
  });

  it('name files and folders of the project that exist', () => {
    expect(
      findings((page) =>
        page.codes
          .filter(({ text }) => /^(?:src|lab|tools|test|docs|examples|schema|bench|bin)\/[\w./-]*$/.test(text))
          .filter(({ text }) => !existsSync(join(root, text)))
          .map(({ text, line }) => `${line}: there is no ${text}`),
      ),
    ).toEqual([]);
  });

  it('show clusters that keelson takes', () => {
    const examples = [...pages].flatMap(([file, page]) =>
      page.blocks
        .filter(({ language, text }) => language === 'yaml' && /^kind: Cluster$/m.test(text))
        .map((block) => ({ where: `${file}:${block.line}`, text: block.text })),
    );
    expect(examples.length).toBeGreaterThan(0);
    for (const { where, text } of examples) {
      const parsed = parseConfig(text, where);
      expect(parsed.ok ? [] : parsed.problems).toEqual([]);
    }
  });

  it('show commands and flags that exist', () => {
    expect(
      findings((page) =>
        page.blocks
          .filter(({ language }) => ['console', 'sh', 'bash'].includes(language))
          .flatMap((block) => callsOf(block, 'keelson'))
          .flatMap(({ words, line }) =>
            callProblems(words).map((why) => `${line}: keelson ${words.join(' ')}: ${why}`),
          ),
      ),
    ).toEqual([]);
  });

  it('name codes that exist', () => {
    const families = new Set(Object.keys(errorCodes).map((code) => code.split('.')[0] ?? ''));
    // Fields of cluster.yaml and events look alike; a hyphen, or one of these families, makes a code.
    const isCode = (text: string) =>
      /^(?:safety|change|check|status)\.[a-z-]+$/.test(text) || /^[a-z]+\.[a-z]+(?:-[a-z]+)+$/.test(text);
    expect(
      findings((page) =>
        page.codes
          .filter(({ text }) => isCode(text) && families.has(text.split('.')[0] ?? ''))
          .filter(({ text }) => !Object.hasOwn(errorCodes, text))
          .map(({ text, line }) => `${line}: no code ${text}`),
      ),
    ).toEqual([]);
  });

  it('name make targets and npm scripts that exist', () => {
    const makefile = readFileSync(join(root, 'Makefile'), 'utf8');
    const targets = new Set([...makefile.matchAll(/^([a-z-]+):/gm)].map((match) => match[1]));
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
    const said = (page: Page) => [
      ...page.codes,
      ...page.blocks.flatMap((b) => b.text.split('\n').map((text, n) => ({ text, line: b.line + n }))),
    ];
    expect(
      findings((page) =>
        said(page).flatMap(({ text, line }) => [
          ...[...text.matchAll(/(?:^|[$`(] ?)make ([a-z][a-z-]*)/g)]
            .filter((match) => !targets.has(match[1]))
            .map((match) => `${line}: no target ${match[1]}`),
          ...[...text.matchAll(/npm run (?:-s )?([a-z][a-z:-]*)/g)]
            .filter((match) => !Object.hasOwn(scripts, match[1] ?? ''))
            .map((match) => `${line}: no script ${match[1]}`),
        ]),
      ),
    ).toEqual([]);
  });
});

function linkProblem(target: string, line: number, page: Page, file: string): string[] {
  if (/^[a-z]+:/.test(target)) return [];
  const [path = '', anchor] = target.split('#');
  const to = path === '' ? file : normalize(join(dirname(file), path));
  if (!existsSync(join(root, to))) return [`${line}: there is no ${to}`];
  if (anchor === undefined) return [];
  const linked = path === '' ? page : pages.get(to);
  return linked?.anchors.has(anchor) === true ? [] : [`${line}: ${to} has no heading #${anchor}`];
}

function callProblems(words: readonly string[]): string[] {
  const known = new Set(globalOptions.flatMap(flagsOf));
  let among: readonly CommandSpec[] = commands;
  let command: CommandSpec | undefined;
  const flags = words.filter((word) => /^--?[a-z]/.test(word));
  for (const word of words) {
    const next = among.find(({ name }) => name === word);
    if (next === undefined) break;
    command = next;
    among = next.commands ?? [];
  }
  if (command === undefined && words.some((word) => /^[a-z]/.test(word)) && !flags.includes('--help'))
    return ['no such command'];
  for (const flag of command?.options?.flatMap(flagsOf) ?? []) known.add(flag);
  return flags
    .map((flag) => flag.split('=')[0] ?? '')
    .filter((flag) => !known.has(flag) && !['--help', '--version'].includes(flag))
    .map((flag) => `no flag ${flag}`);
}

function flagsOf({ flags }: { flags: string }): string[] {
  return [...flags.matchAll(/--?[a-z][a-z-]*/g)].map((match) => match[0]);
}
