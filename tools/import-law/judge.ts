import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, posix } from 'node:path';
import { type ModuleImport, readModule } from './read-module.ts';
import type { Area, Law } from './table.ts';

export interface Violation {
  /** Relative to the root, as is every path here. */
  readonly file: string;
  readonly line: number;
  readonly what: string;
}

export interface Verdict {
  readonly files: number;
  readonly violations: readonly Violation[];
}

/** Folders that hold no source. Hidden ones are left out as well. */
const ignored = new Set(['node_modules', 'dist', 'coverage']);

/** Holds all TypeScript below a folder to the law. */
export function judgeTree(root: string, law: Law): Verdict {
  const files = sourcesBelow(root, '').sort();
  const violations = files.flatMap((file) => judgeFile(root, file, law));
  if (files.length === 0) violations.push({ file: '.', line: 1, what: 'no TypeScript was found: nothing was checked' });
  return { files: files.length, violations };
}

function sourcesBelow(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (entry.name.startsWith('.') || ignored.has(entry.name)) return [];
    if (entry.isDirectory()) return sourcesBelow(root, path);
    return /\.[cm]?tsx?$/.test(entry.name) ? [path] : [];
  });
}

function judgeFile(root: string, file: string, law: Law): Violation[] {
  const isTest = file.startsWith('src/') && file.endsWith('.test.ts');
  const home = areaOf(isTest ? file.replace(/(\.e2e)?\.test\.ts$/, '.ts') : file, law);
  if (home === undefined) return [{ file, line: 1, what: 'this folder is not listed in tools/import-law/table.ts' }];
  const area = isTest ? law.tests : law.areas[home];
  if (area === undefined) return [];
  const use = readModule(file, readFileSync(join(root, file), 'utf8'));
  const violations: Violation[] = [];
  const judge = (line: number, what: string | undefined) => {
    if (what !== undefined) violations.push({ file, line, what });
  };
  for (const used of use.imports) judge(used.line, judgeImport({ root, file, home, area, isTest, law }, used));
  for (const { what, line } of use.impurities) {
    if (!isFree(area, what)) judge(line, `${what} in pure code: take it from a port`);
  }
  if (file.startsWith('src/') && !isTest && !law.revealers.some((entry) => holds(entry, file))) {
    for (const line of use.revelations) judge(line, `Secret.valueOf: only for ${law.revealers.join(', ')}`);
  }
  return violations;
}

function isFree({ pure }: Area, what: string): boolean {
  return typeof pure === 'boolean' ? !pure : pure.includes(what);
}

interface Importer {
  readonly root: string;
  readonly file: string;
  readonly home: string;
  readonly area: Area;
  readonly isTest: boolean;
  readonly law: Law;
}

function judgeImport(importer: Importer, { specifier, names }: ModuleImport): string | undefined {
  if (specifier === null) return 'a computed import cannot be checked: name the module';
  if (isBuiltin(specifier)) return judgeBuiltin(importer.area, specifier, names);
  if (/^\.\.?\//.test(specifier)) return judgeOwn(importer, specifier, names);
  return judgePackage(importer.area, specifier);
}

function isBuiltin(specifier: string): boolean {
  return specifier.startsWith('node:') || builtinModules.includes(specifier);
}

function judgeBuiltin(area: Area, specifier: string, names: readonly string[]): string | undefined {
  if (area.builtins === 'any')
    return specifier.startsWith('node:') ? undefined : `${specifier}: write node:${specifier}`;
  const allowed = area.builtins[specifier];
  if (allowed === undefined) return `${specifier} in pure code`;
  const refused = names.filter((name) => !allowed.includes(name));
  return refused.length === 0 ? undefined : `${refused.join(', ')} of ${specifier} in pure code`;
}

function judgePackage(area: Area, specifier: string): string | undefined {
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  return area.packages === 'any' || area.packages.includes(name)
    ? undefined
    : `the package ${name} is not listed for this folder`;
}

function judgeOwn(importer: Importer, specifier: string, names: readonly string[]): string | undefined {
  const { root, file, home, area, isTest, law } = importer;
  const target = posix.join(dirname(file), specifier);
  if (target.startsWith('..')) return `${specifier} is outside of the project`;
  if (!existsSync(join(root, target))) return `${specifier}: no such file`;
  const other = areaOf(target, law);
  if (other === undefined) return `${target} is in a folder that is not listed in tools/import-law/table.ts`;
  const allowed = other === home || area.imports.some((entry) => holds(entry, target));
  if (!allowed) return `${home} may not import ${target}`;
  if (isTest || !file.startsWith('src/')) return undefined;
  const fence = law.fences.find(
    (one) =>
      holds(one.file, target) &&
      (one.names === undefined || names.some((name) => name === '*' || one.names?.includes(name))) &&
      !one.only.some((entry) => holds(entry, file)),
  );
  if (fence === undefined) return undefined;
  const what = fence.names === undefined ? target : `${names.join(', ')} of ${target}`;
  return `${what}: only for ${fence.only.join(', ')}`;
}

/** The longest listed folder or file that holds a path. */
function areaOf(path: string, law: Law): string | undefined {
  return Object.keys(law.areas)
    .filter((area) => holds(area, path))
    .sort((a, b) => b.length - a.length)[0];
}

function holds(entry: string, path: string): boolean {
  return path === entry || path.startsWith(`${entry}/`);
}
