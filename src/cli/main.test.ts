import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examplesOf } from './define.ts';
import { interruption } from './interruption.ts';
import { type Io, recorder } from './io.ts';
import { main } from './main.ts';
import { buildProgram } from './program.ts';
import type { Prompter } from './prompter.ts';

const noQuestion: Prompter = {
  confirm: () => Promise.reject(new Error('a question')),
  text: () => Promise.reject(new Error('a question')),
  password: () => Promise.reject(new Error('a question')),
};

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'keelson-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Ran {
  code: number;
  out: string;
  err: string;
}

async function run(argv: readonly string[], io: Partial<Io> = {}, prompter: Prompter = noQuestion): Promise<Ran> {
  const [stdout, stderr] = [recorder(), recorder()];
  const all: Io = {
    stdout,
    stderr,
    readStdin: async () => '',
    interactive: false,
    env: {},
    now: () => new Date(0),
    monotonicMs: () => 0,
    ...io,
  };
  const code = await main(argv, all, interruption(), prompter);
  return { code, out: stdout.text(), err: stderr.text() };
}

function everyCommand(): Command[] {
  const below = (command: Command): Command[] => [command, ...command.commands.flatMap(below)];
  return below(buildProgram(async () => undefined, { out: () => undefined, err: () => undefined, columns: 80 })).slice(
    1,
  );
}

describe('help', () => {
  it('stands on standard output, and is no error', async () => {
    const { code, out, err } = await run(['--help']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('Exit codes:');
  });
  it('has examples on every command that does something', () => {
    const without = everyCommand().filter((c) => c.commands.length === 0 && examplesOf(c).length === 0);
    expect(without.map((c) => c.name())).toEqual([]);
  });
  it('gives examples that the command line itself takes', async () => {
    for (const command of everyCommand()) {
      for (const { line } of examplesOf(command)) {
        for (const words of line.split(/&&|\|/).map((part) => part.trim().split(/\s+/))) {
          if (words[0] !== 'keelson') continue;
          const given = words.slice(1).filter((word, n, all) => word !== '>' && all[n - 1] !== '>');
          const parsed: string[] = [];
          const program = buildProgram(async (_load, _args, ran) => void parsed.push(ran.name()), {
            out: () => undefined,
            err: () => undefined,
            columns: 80,
          });
          await program.parseAsync(given, { from: 'user' });
          expect(parsed, line).toHaveLength(1);
        }
      }
    }
  });
  it('without a command is an error', async () => {
    const { code, out, err } = await run([]);
    expect(code).toBe(1);
    expect(out).toBe('');
    expect(err).toContain('Usage: keelson');
  });
});

describe('bad usage', () => {
  const cases: [what: string, argv: string[], says: RegExp][] = [
    ['an unknown command', ['plna'], /unknown command 'plna'[\s\S]*Did you mean plan/],
    ['an unknown flag', ['plan', '--nope'], /unknown option '--nope'/],
    ['a missing argument', ['unlock'], /missing required argument 'ID'/],
    ['an argument too many', ['version', 'x'], /too many arguments/],
    ['a format that is none', ['plan', '-o', 'xml'], /Allowed choices are human, json, yaml/],
    ['a time that is none', ['plan', '--timeout', 'soon'], /90s, 10m or 1h30m/],
    ['an unknown shell', ['completion', 'tcsh'], /Allowed choices are bash, zsh, fish/],
  ];
  it.each(cases)('%s', async (_what, argv, says) => {
    const { code, out, err } = await run(argv);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^error\[usage\]: /);
    expect(err).toMatch(says);
  });
});

describe('-o json', () => {
  it('makes a document of the result', async () => {
    const { code, out } = await run(['version', '-o', 'json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      apiVersion: 'keelson.dev/v1alpha1',
      kind: 'Version',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
  });
  it.each([
    ['of usage', ['-o', 'json', 'plna'], 'usage'],
    ['of usage, written otherwise', ['plna', '--output=json'], 'usage'],
    ['of the configuration', ['plan', '-ojson', '-f', '/nonexistent/cluster.yaml'], 'config.unreadable'],
  ])('makes a document of errors %s, and leaves standard output empty', async (_what, argv, code) => {
    const ran = await run(argv);
    expect({ code: ran.code, out: ran.out }).toEqual({ code: 1, out: '' });
    expect(ran.err.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(ran.err)).toMatchObject({
      apiVersion: 'keelson.dev/v1alpha1',
      kind: 'Error',
      exitCode: 1,
      error: { code },
    });
  });
  it('says the same as yaml', async () => {
    const [json, yaml] = await Promise.all([run(['version', '-o', 'json']), run(['version', '-o', 'yaml'])]);
    const { parse } = await import('yaml');
    expect(parse(yaml.out)).toEqual(JSON.parse(json.out));
  });
});

describe('questions', () => {
  it('are never asked off a terminal: the flags are named', async () => {
    const { code, err } = await run(['init', '-f', join(folder, 'asked.yaml')]);
    expect(code).toBe(1);
    expect(err).toContain('--name NAME and --host NAME=ADDRESS');
  });
  it('are asked at a terminal, for what no flag has said', async () => {
    const asked: string[] = [];
    const prompter: Prompter = {
      ...noQuestion,
      text: async (question, initial) => {
        asked.push(question);
        return question.startsWith('Machines') ? 'a=10.0.0.1 b=10.0.0.2, c=10.0.0.3' : initial;
      },
    };
    const file = join(folder, 'answered.yaml');
    const { code } = await run(
      ['init', '-f', file, '--name', 'lab', '--user', 'admin'],
      { interactive: true },
      prompter,
    );
    expect(code).toBe(0);
    expect(asked.map((q) => q.split(' ')[0])).toEqual(['Version', 'Control', 'Machines', 'Where']);
    expect(readFileSync(file, 'utf8')).toMatch(/name: c\n {6}address: 10\.0\.0\.3/);
  });
  it('lead to a cluster', async () => {
    const answers: Readonly<Record<string, string>> = {
      Control: 'cp-0=10.0.0.1',
      'Workers:': 'worker-0=10.0.0.2 worker-1=10.0.0.3',
      Name: 'api.example.com:6443',
    };
    const asked: string[] = [];
    const text: Prompter['text'] = async (question, initial) => {
      const [word = ''] = question.split(' ');
      asked.push(word);
      return answers[word] ?? initial;
    };
    const file = join(folder, 'cluster.yaml');
    const flags = ['--name', 'lab', '--user', 'admin', '--kubernetes-version', 'v1.36.3'];
    const { code } = await run(['init', '-f', file, ...flags], { interactive: true }, { ...noQuestion, text });
    expect(code).toBe(0);
    expect(asked).toEqual(['Control', 'Workers:', 'Name', 'Where', 'Folder']);
    const written = readFileSync(file, 'utf8');
    expect(written).toMatch(/topology: stacked/);
    expect(written).toMatch(/^ {4}endpoint: api\.example\.com:6443/m);
    expect(written).toMatch(/name: worker-1\n {6}address: 10\.0\.0\.3\n {6}roles: \[worker\]/);
  });
  it('are not asked with -o json, not even at a terminal', async () => {
    const { code, err } = await run(['init', '-o', 'json', '-f', join(folder, 'json.yaml')], { interactive: true });
    expect(code).toBe(1);
    expect(JSON.parse(err).error.action).toContain('--name');
  });
});

describe('init', () => {
  const machines = ['--name', 'lab', '--host', 'a=10.0.0.1', '--host', 'b=10.0.0.2', '--host', 'c=10.0.0.3'];
  it('writes a file once', async () => {
    const file = join(folder, 'once.yaml');
    expect((await run(['init', '-f', file, ...machines])).code).toBe(0);
    const before = readFileSync(file, 'utf8');
    const again = await run(['init', '-f', file, '--name', 'other', '--host', 'a=10.0.0.1']);
    expect(again.code).toBe(1);
    expect(again.err).toContain('--force');
    expect(readFileSync(file, 'utf8')).toBe(before);
  });
  it('writes to standard output with -f -', async () => {
    const { code, out } = await run(['init', '-f', '-', ...machines]);
    expect(code).toBe(0);
    expect(out).toContain('kind: Cluster');
  });
  it('refuses answers that make no cluster, with the flag', async () => {
    const { code, err } = await run([
      'init',
      '-f',
      join(folder, 'bad.yaml'),
      '--name',
      'UPPER',
      '--host',
      'a=10.0.0.1',
    ]);
    expect(code).toBe(1);
    expect(err).toContain('--name: ');
    // There is no such file.
    expect(err).not.toContain('bad.yaml');
  });
  it.each([
    [['--source', 'bundle'], '--source bundle needs --bundle DIR'],
    [['--source', 'packages', '--bundle', './b'], '--bundle goes with --source bundle, not with --source packages'],
    [['--source', 'floppy'], "'--source <SOURCE>' argument 'floppy' is invalid"],
    [['--kubernetes-version', '1.36'], '--kubernetes-version: '],
    [['--user', '-x'], '--user: '],
    [['--host', 'd=10.0.0'], '--host, machine 4, its address: '],
    [['--host', 'D=10.0.0.4'], '--host, machine 4, its name: '],
    [['--host', 'd=10.0.0.4'], '--host: '],
    [['--host', 'd=10.0.0.4'], 'make the file with one machine less'],
    [['--host', 'a=10.0.0.4', '--host', 'e=10.0.0.5'], '--host, machine 4, its name: "a" is the name of machine 1 too'],
    [['--host', 'd=10.0.0.1', '--host', 'e=10.0.0.5'], '"10.0.0.1" is the address of machine 1 too'],
    [['--host', 'd'], '--host "d" is not NAME=ADDRESS'],
  ])('names the flag of %j', async (flags, says) => {
    const { code, err } = await run(['init', '-f', join(folder, 'flags.yaml'), ...machines, ...flags]);
    expect(code).toBe(1);
    expect(err).toContain(says);
  });
  const cluster = [
    '--name',
    'lab',
    '--control-plane',
    'cp-0=10.0.0.1',
    '--worker',
    'worker-0=10.0.0.2',
    '--bundle',
    'b',
  ];
  it('makes a file for a cluster', async () => {
    const { code, out } = await run(['init', '-f', '-', ...cluster]);
    expect(code).toBe(0);
    expect(out).toContain('topology: stacked');
    expect(out).toMatch(/roles: \[control-plane\][\s\S]*roles: \[worker\]/);
  });
  it.each([
    [['--control-plane', 'cp-1=10.0.0.3'], '--control-plane: has 2 machines with the role control-plane'],
    [['--control-plane', 'cp-1=10.0.0.3'], '--endpoint: has no controlPlane.endpoint'],
    [['--endpoint', 'not an endpoint'], '--endpoint: "not an endpoint" is not an endpoint'],
    [['--endpoint', '10.0.0.1:8443'], '--endpoint: has port 8443'],
    [
      ['--worker', 'worker-0=10.0.0.9'],
      '--worker, machine 2, its name: "worker-0" is the name of machine 1 of --worker',
    ],
    [['--topology', 'external'], '--host: has no machine with the role etcd'],
    [['--host', 'etcd-0=10.0.0.9', '--topology', 'stacked'], '--host, machine 1, its roles: '],
    [['--worker', 'x'], '--worker "x" is not NAME=ADDRESS'],
  ])('names the flag of %j for a cluster', async (flags, says) => {
    const { code, err } = await run(['init', '-f', join(folder, 'flags.yaml'), ...cluster, ...flags]);
    expect(code).toBe(1);
    expect(err).toContain(says);
  });
  it('says what it cannot do yet, with the flag', async () => {
    const several = ['cp-1=10.0.0.3', 'cp-2=10.0.0.4'].flatMap((one) => ['--control-plane', one]);
    const flags = [...cluster, ...several, '--endpoint', 'api.example.com:6443'];
    const { code, err } = await run(['init', '-f', join(folder, 'flags.yaml'), ...flags]);
    expect(code).toBe(1);
    expect(err).toContain('--endpoint: asks for several control planes without a load balancer');
    const packages = await run(['init', '-f', '-', ...cluster.slice(0, -2)]);
    expect(packages.err).toMatch(/--source: asks for packages .*; give --bundle DIR, or --source preinstalled/);
  });
  it('takes a bundle by its folder alone', async () => {
    const { out } = await run(['init', '-f', '-', ...machines, '--bundle', './b']);
    expect(out).toContain('source: bundle');
    expect(out).toContain('bundle: ./b');
  });
});

describe('colour', () => {
  const err = () => recorder(100, true);
  it.each([
    ['on a terminal', {}, [], true],
    ['not with NO_COLOR', { NO_COLOR: '1' }, [], false],
    ['with an empty NO_COLOR', { NO_COLOR: '' }, [], true],
    ['not with --no-color', {}, ['--no-color'], false],
    ['not on a dumb terminal', { TERM: 'dumb' }, [], false],
  ])('%s', async (_when, env, flags, coloured) => {
    const stderr = err();
    await run(['plan', '-f', '/nonexistent/cluster.yaml', ...flags], { stderr, env });
    expect(stderr.text().includes('\u001b[')).toBe(coloured);
  });
  it('off a terminal with FORCE_COLOR alone', async () => {
    for (const [env, coloured] of [
      [{ FORCE_COLOR: '1' }, true],
      [{ FORCE_COLOR: '0' }, false],
      [{}, false],
    ] as const) {
      const ran = await run(['plan', '-f', '/nonexistent/cluster.yaml'], { env });
      expect(ran.err.includes('\u001b[')).toBe(coloured);
    }
  });
});

describe('the journal', () => {
  it('says that there are no runs', async () => {
    const file = join(folder, 'runs.yaml');
    await run([
      'init',
      '-f',
      file,
      '--name',
      'lab',
      '--host',
      'a=10.0.0.1',
      '--host',
      'b=10.0.0.2',
      '--host',
      'c=10.0.0.3',
    ]);
    expect(JSON.parse((await run(['runs', '-f', file, '-o', 'json'])).out)).toMatchObject({
      kind: 'RunList',
      runs: [],
    });
    expect((await run(['runs', 'show', '../../etc/passwd', '-f', file])).err).toMatch(/^error\[vault\.run-unknown\]/);
  });
});
