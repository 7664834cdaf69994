import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type RunDescription, readDescription } from '../lib/computer.ts';
import { countingRounds, type RunRecord, readRecords } from '../lib/records.ts';
import {
  failuresSection,
  fanOutSection,
  installSection,
  noOpSection,
  startSection,
  targetsSection,
} from './sections.ts';

const BEGIN = '<!-- results: begin -->';
const END = '<!-- results: end -->';
const readme = join(import.meta.dirname, '../README.md');
export const ownResults = join(import.meta.dirname, '../results');

const sections = {
  install: installSection,
  'no-op': noOpSection,
  'fan-out': fanOutSection,
  start: startSection,
} as const;

/** Puts the report of these results into bench/README.md; of results elsewhere, into a file beside them. Gives the file's name. */
export function writeReport(results: string): string {
  const report = reportOf(results);
  if (resolve(results) !== ownResults) {
    const file = join(results, 'report.md');
    writeFileSync(file, report);
    return file;
  }
  writeFileSync(readme, withReport(readFileSync(readme, 'utf8'), report));
  return readme;
}

/** Replaces what is between the marks. */
export function withReport(page: string, report: string): string {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`bench/README.md has lost its marks, ${BEGIN} and ${END}`);
  return `${page.slice(0, from + BEGIN.length)}\n\n${report.trim()}\n\n${page.slice(to)}`;
}

function reportOf(results: string): string {
  const description = readDescription(results);
  if (description === undefined || !existsSync(results))
    return 'Not measured yet: `make bench` on a quiet computer does it.';
  const names = Object.keys(sections) as (keyof typeof sections)[];
  const all = Object.fromEntries(names.map((name) => [name, readRecords(results, name)])) as Record<
    string,
    RunRecord[]
  >;
  const counting = Object.fromEntries(
    Object.entries(all).map(([name, records]) => [name, countingRounds(records, description.anyLoad)]),
  );
  const measured = names.filter((name) => (counting[name] ?? []).length > 0);
  return [
    head(description),
    rounds(all, counting, description),
    targetsSection(counting),
    ...measured.map((name) => sections[name](counting[name] ?? [])),
    failuresSection(Object.values(all).flat()),
  ].join('\n');
}

function head(description: RunDescription): string {
  const facts = { ...description.computer, ...description.versions };
  const lines = Object.entries(facts).map(([what, value]) => `- ${what}: ${value}`);
  const contenders = Object.entries(description.contenders).map(([name, what]) => `- **${name}**: ${what}`);
  const warning = description.anyLoad
    ? '**Made with `--any-load`, on a computer that others used: it shows that the benchmark works, and nothing else.**\n\n'
    : '';
  const missing = description.missing.map((line) => `\n${line}\n`).join('');
  return `${warning}Measured ${description.at.slice(0, 10)} at commit ${description.commit}; 1-minute load at the start ${description.loadAtStart}.\n\n${lines.join('\n')}\n\nContenders:\n\n${contenders.join('\n')}\n${missing}`;
}

function rounds(
  all: Readonly<Record<string, readonly RunRecord[]>>,
  counting: Readonly<Record<string, readonly RunRecord[]>>,
  { anyLoad }: RunDescription,
): string {
  const numbers = (records: readonly RunRecord[] = []): number => new Set(records.map(({ round }) => round)).size;
  const lines = Object.entries(all).flatMap(([name, records]) => {
    const run = records.filter(({ round }) => round > 0);
    if (run.length === 0) return [];
    const thrown = numbers(run) - numbers(counting[name]);
    return [`${name}: ${numbers(run)} rounds${anyLoad ? '' : `, ${thrown} of them disturbed and thrown away`}`];
  });
  return `${lines.join('; ')}.\n`;
}
