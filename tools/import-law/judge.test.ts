import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { judgeTree } from './judge.ts';
import { law } from './table.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'import-law-'));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

/** Judges a small project by the real law. Each file answers with its violations, as `file: what`. */
function judge(files: Readonly<Record<string, string>>): string[] {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  return judgeTree(root, law).violations.map(({ file, line, what }) => `${file}:${line}: ${what}`);
}

const model = { 'src/model/ids.ts': 'export const a = 1;\n' };

describe('which folder may import which', () => {
  it('lets a folder import what stands before it, and itself', () => {
    expect(
      judge({
        ...model,
        'src/engine/x.ts': "import { a } from '../model/ids.ts';\nexport const b = a;\n",
        'src/engine/y.ts': "import { b } from './x.ts';\nexport const c = b;\n",
        'src/operations/o.ts': "import { c } from '../engine/y.ts';\nexport const d = c;\n",
      }),
    ).toEqual([]);
  });

  it.each([
    ['an import', "import { b } from '../engine/x.ts';"],
    ['an import of a type', "import type { b } from '../engine/x.ts';"],
    ['an import for its effects', "import '../engine/x.ts';"],
    ['a re-export', "export { b } from '../engine/x.ts';"],
    ['a re-export of all', "export * from '../engine/x.ts';"],
    ['a dynamic import', "export const b = () => import('../engine/x.ts');"],
    ['a dynamic import in a template', 'export const b = () => import(`../engine/x.ts`);'],
    ['an imported type', "export type B = import('../engine/x.ts').b;"],
    ['a require', "export const b = require('../engine/x.ts');"],
    ['an import by another path', "import { b } from '../model/../engine/x.ts';"],
  ])('refuses %s against the direction', (_name, code) => {
    const violations = judge({ 'src/engine/x.ts': 'export const b = 1;\n', 'src/model/ids.ts': `\n${code}\n` });
    expect(violations).toContain('src/model/ids.ts:2: src/model may not import src/engine/x.ts');
  });

  it.each([
    ['an adapter another one', 'src/pki/a.ts', 'src/vault/b.ts', 'src/pki may not import src/vault/b.ts'],
    ['an adapter the plan', 'src/etcd/a.ts', 'src/plan/b.ts', 'src/etcd may not import src/plan/b.ts'],
    [
      'an adapter another table of desired',
      'src/pki/a.ts',
      'src/desired/files.ts',
      'src/pki may not import src/desired/files.ts',
    ],
    ['the command line an adapter', 'src/cli/a.ts', 'src/host/b.ts', 'src/cli may not import src/host/b.ts'],
    [
      'operations the command line',
      'src/operations/a.ts',
      'src/cli/b.ts',
      'src/operations may not import src/cli/b.ts',
    ],
    [
      'operations the fakes',
      'src/operations/a.ts',
      'src/testing/b.ts',
      'src/operations may not import src/testing/b.ts',
    ],
    ['the program the lab', 'src/operations/a.ts', 'lab/b.ts', 'src/operations may not import lab/b.ts'],
    ['the library the command line', 'src/index.ts', 'src/cli/b.ts', 'src/index.ts may not import src/cli/b.ts'],
    ['the fakes an adapter', 'src/testing/a.ts', 'src/host/b.ts', 'src/testing may not import src/host/b.ts'],
  ])('refuses that %s imports', (_name, from, to, what) => {
    const depth = '../'.repeat(from.split('/').length - 1);
    expect(judge({ [from]: `import '${depth}${to}';\n`, [to]: 'export const b = 1;\n' })).toEqual([
      `${from}:1: ${what}`,
    ]);
  });

  it('lets pki and the vault import the certificate table', () => {
    const files = {
      'src/desired/certificates.ts': 'export const t = 1;\n',
      'src/pki/a.ts': "import '../desired/certificates.ts';\n",
    };
    expect(judge(files)).toEqual([]);
  });

  it('denies a folder until it is listed, and imports from it', () => {
    expect(
      judge({
        ...model,
        'src/newcomer/a.ts': 'export const b = 1;\n',
        'src/engine/x.ts': "import '../newcomer/a.ts';\n",
      }),
    ).toEqual([
      'src/engine/x.ts:1: src/newcomer/a.ts is in a folder that is not listed in tools/import-law/table.ts',
      'src/newcomer/a.ts:1: this folder is not listed in tools/import-law/table.ts',
    ]);
  });

  it('refuses what it cannot resolve', () => {
    const code =
      "import '../../../elsewhere.ts';\nimport './gone.ts';\nexport const b = (name: string) => import(name);\n";
    expect(judge({ 'src/operations/a.ts': code })).toEqual([
      'src/operations/a.ts:1: ../../../elsewhere.ts is outside of the project',
      'src/operations/a.ts:2: ./gone.ts: no such file',
      'src/operations/a.ts:3: a computed import cannot be checked: name the module',
    ]);
  });

  it('does not pass when there is nothing to check, or a file cannot be read', () => {
    expect(judge({})).toEqual(['.:1: no TypeScript was found: nothing was checked']);
    expect(() => judge({ 'src/model/a.ts': 'export const = 1;' })).toThrow('src/model/a.ts');
  });

  it('lets tests import the fakes and the lab, wherever they stand', () => {
    const files = {
      'src/testing/clock.ts': 'export const b = 1;\n',
      'lab/lab.ts': 'export const b = 1;\n',
      'src/engine/x.test.ts': "import '../testing/clock.ts';\nimport 'vitest';\nimport 'node:fs';\nprocess.exit();\n",
      'src/host/y.e2e.test.ts': "import '../../lab/lab.ts';\n",
      'test/e2e/z.ts': "import '../../src/testing/clock.ts';\n",
    };
    expect(judge(files)).toEqual([]);
  });

  it('takes a test at the edge for one of what it tests', () => {
    const files = {
      'src/bin.ts': 'export const b = 1;\n',
      'src/bin.test.ts': "import './bin.ts';\n",
      'src/other.test.ts': '',
    };
    expect(judge(files)).toEqual(['src/other.test.ts:1: this folder is not listed in tools/import-law/table.ts']);
  });
});

describe('fences', () => {
  const reveal = {
    'src/model/secret.ts': 'export class Secret {}\n',
    'src/model/reveal.ts': "import { Secret } from './secret.ts';\nexport const reveal = Secret.valueOf;\n",
  };

  it('lets adapters and their fakes alone reveal a secret', () => {
    const code = "import { reveal } from '../model/reveal.ts';\nexport const r = reveal;\n";
    expect(judge({ ...reveal, 'src/vault/a.ts': code })).toEqual([]);
    expect(judge({ ...reveal, 'src/operations/a.ts': code })).toEqual([
      'src/operations/a.ts:1: src/model/reveal.ts: only for src/host, src/pki, src/etcd, src/kube, src/vault, src/testing',
    ]);
  });

  it('finds a secret that is revealed without reveal', () => {
    const code =
      "import { Secret } from '../model/secret.ts';\nexport const r = Secret.valueOf;\nexport const s = Secret['valueOf'];\n";
    expect(judge({ ...reveal, 'src/host/a.ts': code })).toEqual([
      'src/host/a.ts:2: Secret.valueOf: only for src/model/reveal.ts, src/testing',
      'src/host/a.ts:3: Secret.valueOf: only for src/model/reveal.ts, src/testing',
    ]);
  });

  const command = { 'src/ports/command.ts': 'export const readCommand = 1;\nexport type ReadCommand = 1;\n' };

  it('lets builders alone make a command, whatever the import looks like', () => {
    expect(
      judge({
        ...command,
        'src/ports/commands/a.ts': "import { readCommand } from '../command.ts';\nexport const b = readCommand;\n",
      }),
    ).toEqual([]);
    const code = [
      "import { readCommand as mine } from '../ports/command.ts';",
      "import * as all from '../ports/command.ts';",
      "export * from '../ports/command.ts';",
      "import type { ReadCommand } from '../ports/command.ts';",
    ].join('\n');
    const found = judge({ ...command, 'src/steps/b.ts': code });
    expect(found.map((violation) => violation.split(' ')[0])).toEqual([
      'src/steps/b.ts:1:',
      'src/steps/b.ts:2:',
      'src/steps/b.ts:3:',
    ]);
    expect(found[0]).toBe('src/steps/b.ts:1: readCommand of src/ports/command.ts: only for src/ports/commands');
  });

  it('keeps the builders from adapters that give no commands', () => {
    const files = {
      'src/ports/commands/a.ts': 'export const b = 1;\n',
      'src/pki/c.ts': "import '../ports/commands/a.ts';\n",
    };
    expect(judge(files)[0]).toMatch(/^src\/pki\/c\.ts:1: src\/ports\/commands\/a\.ts: only for /);
  });
});

describe('packages and Node modules', () => {
  it('refuses packages that are not listed, also by a path below them', () => {
    const code = "import { z } from 'zod';\nimport '@bufbuild/protobuf/wire';\nimport 'commander/esm.mjs';\n";
    expect(judge({ 'src/config/a.ts': code })).toEqual([
      'src/config/a.ts:2: the package @bufbuild/protobuf is not listed for this folder',
      'src/config/a.ts:3: the package commander is not listed for this folder',
    ]);
  });

  it('refuses input and output in pure code', () => {
    const code = [
      "import { createHash, randomUUID } from 'node:crypto';",
      "import { readFileSync } from 'node:fs';",
      "import * as crypto from 'node:crypto';",
      "import { isIP } from 'net';",
    ].join('\n');
    expect(judge({ 'src/plan/a.ts': code })).toEqual([
      'src/plan/a.ts:1: randomUUID of node:crypto in pure code',
      'src/plan/a.ts:2: node:fs in pure code',
      'src/plan/a.ts:3: * of node:crypto in pure code',
      'src/plan/a.ts:4: net in pure code',
    ]);
  });
});
