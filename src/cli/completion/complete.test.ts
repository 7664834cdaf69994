import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildProgram } from '../program.ts';
import { complete, type Values } from './complete.ts';
import { completionScript } from './scripts.ts';
import { fileValues } from './values.ts';

const program = buildProgram(async () => undefined, { out: () => undefined, err: () => undefined, columns: 80 });

const values: Values = {
  hosts: async (file) => [{ value: `host-of-${file}`, description: '' }],
  runs: async (file, vault) => [{ value: `run-of-${vault ?? file}`, description: '' }],
};

async function offered(line: string): Promise<string[]> {
  const { candidates, also } = await complete(program, line.split(' '), values);
  return [...candidates.map((c) => c.value), ...(also === 'nothing' ? [] : [`(${also})`])];
}

describe('what is offered', () => {
  const cases: [line: string, offer: string[]][] = [
    ['pl', ['plan']],
    ['hosts ', ['trust']],
    ['runs ', ['show']],
    ['plan -o ', ['human', 'json', 'yaml']],
    ['plan --output=y', ['--output=yaml']],
    ['plan --output = y', ['--output=yaml']],
    ['plan --output =', ['--output=human', '--output=json', '--output=yaml']],
    ['-o json plan --det', ['--detailed-exitcode']],
    ['apply ', ['(files)']],
    ['render ', ['(folders)']],
    ['-f other.yaml hosts trust ', ['host-of-other.yaml']],
    ['hosts trust a b ', ['host-of-./cluster.yaml']],
    ['--file=x.yaml unlock ID --except ', ['host-of-x.yaml']],
    ['--vault v runs show ', ['run-of-v']],
    ['completion f', ['fish']],
    ['version ', []],
    ['version --no-', ['--no-color']],
    ['plan --nonsense=', []],
    // After two dashes nothing is a flag any more.
    ['hosts trust -- ', ['host-of-./cluster.yaml']],
    ['plan -- -', []],
  ];
  it.each(cases)('keelson %s', async (line, offer) => {
    expect(await offered(line)).toEqual(offer);
  });

  it('offers every command at the beginning', async () => {
    const all = program.commands.map((c) => c.name());
    expect(all.length).toBeGreaterThan(10);
    expect(await offered('')).toEqual([...all, 'help']);
  });
});

describe('in the user’s files', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'keelson-completion-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('finds machines and runs', async () => {
    const file = join(folder, 'cluster.yaml');
    writeFileSync(
      file,
      'metadata: {name: lab}\nspec: {hosts: [{name: etcd-0, address: 10.0.0.1}, {name: "$(reboot)"}, 7]}\n',
    );
    mkdirSync(join(folder, '.keelson/lab/runs'), { recursive: true });
    for (const id of ['20261121t101500z-3f9a1c', '20261122t101500z-3f9a1c'])
      writeFileSync(join(folder, '.keelson/lab/runs', `${id}.jsonl`), '');
    expect(await fileValues.hosts(file)).toEqual([{ value: 'etcd-0', description: '10.0.0.1' }]);
    expect((await fileValues.runs(file, undefined)).map((r) => r.value)).toEqual([
      'last',
      '20261122t101500z-3f9a1c',
      '20261121t101500z-3f9a1c',
    ]);
  });

  it('offers nothing where a file is absent or being written', async () => {
    const broken = join(folder, 'broken.yaml');
    writeFileSync(broken, 'spec: {hosts: [');
    for (const file of [broken, join(folder, 'absent.yaml')]) {
      expect(await fileValues.hosts(file)).toEqual([]);
      expect(await fileValues.runs(file, undefined)).toEqual([]);
    }
  });
});

describe('in a real bash', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'keelson-bash-'));
    const bin = new URL('../../bin.ts', import.meta.url).pathname;
    writeFileSync(join(folder, 'keelson'), `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`);
    chmodSync(join(folder, 'keelson'), 0o755);
    writeFileSync(join(folder, 'a plan.json'), '');
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function bash(...words: string[]): string[] {
    const script = `${completionScript('bash')}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _keelson; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
    const out = execFileSync('bash', ['--norc', '-c', script, 'bash', ...words], {
      cwd: folder,
      env,
      encoding: 'utf8',
    });
    return out.trimEnd().split('\n');
  }

  it('completes commands', () => expect(bash('keelson', 'st')).toEqual(['status']));
  it('completes values after a sign, at which bash cuts words', () => {
    expect(bash('keelson', 'plan', '--output', '=', 'j')).toEqual(['json']);
  });
  it('completes names of files with blanks', () => expect(bash('keelson', 'apply', 'a')).toEqual(['a plan.json']));
  it('is registered for the program', () => {
    const out = execFileSync('bash', ['--norc', '-c', `${completionScript('bash')}complete -p keelson`], {
      encoding: 'utf8',
    });
    expect(out.trim()).toBe('complete -F _keelson keelson');
  });
});
