import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorCodes } from '../model/codes.ts';
import { parseConfig } from './parse.ts';
import { formatProblem } from './problem.ts';

// Each case is one file: why it is here, the YAML, and the lines that a user sees. `UPDATE_GOLDEN=1 npx vitest run src/config`
// writes the lines again; read the difference before committing it.

const folder = join(import.meta.dirname, '__golden__/bad');
const cases = readdirSync(folder)
  .filter((name) => name.endsWith('.txt'))
  .map((name) => ({ name, ...readCase(join(folder, name)) }));

interface GoldenCase {
  path: string;
  why: string;
  yaml: string;
  expected: string;
}

function readCase(path: string): GoldenCase {
  const match = /^(.*)\n----- cluster.yaml\n([\s\S]*)----- problems\n([\s\S]*)$/.exec(readFileSync(path, 'utf8'));
  const [, why = '', yaml = '', expected = ''] = match ?? [];
  return { path, why, yaml, expected };
}

function linesFor(yaml: string): { codes: string[]; lines: string[] } {
  const parsed = parseConfig(yaml, 'cluster.yaml');
  const problems = parsed.ok ? [] : parsed.problems;
  return { codes: problems.map(({ code }) => code), lines: problems.map((p) => `${formatProblem(p)} [${p.code}]`) };
}

describe('bad configurations', () => {
  it.each(cases)('$name', ({ path, why, yaml, expected }) => {
    const { lines } = linesFor(yaml);
    const text = lines.map((line) => `${line}\n`).join('');
    if (process.env.UPDATE_GOLDEN === '1')
      writeFileSync(path, `${why}\n----- cluster.yaml\n${yaml}----- problems\n${text}`);
    else expect(text).toBe(expected);
    expect(lines).not.toEqual([]);
    for (const line of lines)
      expect(line).toMatch(/^cluster\.yaml:\d+:\d+: [\x21-\x7e’]+( [\x21-\x7e’]+)*: \S.*; \S.* \[config\.[a-z-]+\]$/);
  });

  it('has a case for every code of the configuration', () => {
    // These are raised where files are read, and tested there or in parse.test.ts.
    const elsewhere = ['config.unreadable', 'config.invalid', 'config.encoding'];
    const shown = new Set(cases.flatMap(({ yaml }) => linesFor(yaml).codes));
    const all = Object.keys(errorCodes).filter((code) => code.startsWith('config.') && !elsewhere.includes(code));
    expect(all.filter((code) => !shown.has(code))).toEqual([]);
  });

  it('has at least sixty cases', () => {
    expect(cases.length).toBeGreaterThanOrEqual(60);
  });
});
