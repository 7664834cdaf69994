import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isBuilt, startOfBuild } from '../tools/build/sources.ts';

const launcher = join(import.meta.dirname, '../bin/keelson');
const platform = `${process.platform}-${process.arch}`;

let folder: string;
let root: string;
let tools: string;

/** A checkout with stand-ins: each main file says which one it is, and what it was given. */
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keelson launcher-'));
  root = join(folder, 'packages/keelson');
  put('bin/keelson', '');
  cpSync(launcher, join(root, 'bin/keelson'));
  put('src/bin.ts', "const kind: string = 'source'; console.log(kind, JSON.stringify(process.argv.slice(2)));\n");
  put('src/other.ts', '');
  put('package.json', '{"type":"module"}');
  put('package-lock.json', '{}');
  put('node_modules/yaml/package.json', '{}');
  // PATH as it is on a machine without Node.
  tools = join(folder, 'tools');
  mkdirSync(tools);
  for (const name of ['sh', 'uname', 'find', 'readlink']) symlinkSync(which(name), join(tools, name));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function put(path: string, text: string, under = root): string {
  const file = join(under, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

function which(name: string): string {
  return execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
}

/** A program that says to be Node of some version. */
function fakeNode(path: string, version: string): void {
  chmodSync(put(path, `#!/bin/sh\n[ "$1" = --version ] && echo ${version} || echo "fake ${version}"\n`, folder), 0o755);
}

interface Run {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly command?: string;
}

function run({ args = [], env = { KEELSON_NODE: process.execPath }, command = join(root, 'bin/keelson') }: Run = {}) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    env: { PATH: tools, ...env },
    encoding: 'utf8',
    cwd: '/',
  });
  return { status, stdout: stdout.trim(), stderr };
}

describe('how Node is found', () => {
  it('takes KEELSON_NODE, and hands every argument on as it is', () => {
    const args = ['a b', '', '--x=$HOME', '*'];
    expect(run({ args })).toEqual({ status: 0, stdout: `source ${JSON.stringify(args)}`, stderr: '' });
  });

  it.each(['v20.20.2', 'v22.18.9', 'v9.99.0', 'nonsense'])(
    'refuses KEELSON_NODE of version %s rather than take another',
    (version) => {
      fakeNode('old/node', version);
      fakeNode('tools/node', 'v24.0.0');
      const { status, stdout, stderr } = run({ env: { KEELSON_NODE: join(folder, 'old/node') } });
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
      expect(stderr).toBe(
        `keelson: KEELSON_NODE is ${folder}/old/node, which is no Node.js 22.19 or newer (it says ${version}).\n`,
      );
    },
  );

  it.each(['v22.19.0', 'v22.20.0', 'v24.0.0', 'v100.1.2'])('takes the one on PATH when it is %s', (version) => {
    fakeNode('tools/node', version);
    expect(run({ env: {} }).stdout).toBe(`fake ${version}`);
  });

  it.each([
    ['of the checkout', `packages/keelson/node_modules/node-${platform}/bin/node`],
    ['beside the package', `packages/node-${platform}/bin/node`],
  ])('takes the one %s before the one on PATH', (_name, path) => {
    fakeNode(path, 'v24.9.9');
    fakeNode('tools/node', 'v24.0.0');
    expect(run({ env: {} }).stdout).toBe('fake v24.9.9');
  });

  it('goes on to PATH when the one of the checkout does not run here', () => {
    chmodSync(put(`node_modules/node-${platform}/bin/node`, '#!/no/such/loader\n'), 0o755);
    fakeNode('tools/node', 'v24.0.0');
    expect(run({ env: {} }).stdout).toBe('fake v24.0.0');
  });

  it('says what it found and what to do', () => {
    expect(run({ env: {} })).toMatchObject({ status: 1, stdout: '' });
    expect(run({ env: {} }).stderr).toContain('it needs Node.js 22.19 or newer, and there is no node on PATH.\n');
    fakeNode('tools/node', 'v20.20.2');
    const { stderr } = run({ env: {} });
    expect(stderr).toContain(`and ${tools}/node is v20.20.2.\n`);
    expect(stderr).toContain('make install');
    expect(stderr).toContain('KEELSON_NODE=');
  });
});

describe('what is started', () => {
  function build(): void {
    put('dist/bin.js', "console.log('bundle');\n");
    const started = startOfBuild();
    utimesSync(put('dist/.built', ''), started, started);
  }

  /** Some seconds before the build, so that the sources are older than its stamp. */
  function age(...paths: readonly string[]): void {
    const before = new Date(Date.now() - 60_000);
    for (const path of paths) utimesSync(join(root, path), before, before);
  }

  beforeEach(() => {
    age('src/bin.ts', 'src/other.ts', 'src', 'package.json', 'package-lock.json');
    build();
  });

  it('is the bundle while no source is younger', () => {
    expect(run().stdout).toBe('bundle');
    expect(isBuilt(root)).toBe(true);
  });

  it.each([
    ['changed', () => writeFileSync(join(root, 'src/other.ts'), '1')],
    ['added', () => put('src/new.ts', '')],
    ['removed', () => rmSync(join(root, 'src/other.ts'))],
    ['changed in package.json', () => put('package.json', '{"type":"module","version":"2"}')],
    ['changed in package-lock.json', () => put('package-lock.json', '{ }')],
  ])('is the source when something was %s', (_name, change) => {
    change();
    expect(run().stdout).toBe('source []');
    expect(isBuilt(root)).toBe(false);
  });

  it('is the source when a build did not end', () => {
    rmSync(join(root, 'dist/.built'));
    expect(run().stdout).toBe('source []');
    expect(isBuilt(root)).toBe(false);
  });

  it('is the bundle of an installed package, through any links to it', () => {
    rmSync(join(root, 'src'), { recursive: true });
    rmSync(join(root, 'dist/.built'));
    mkdirSync(join(folder, 'bin'));
    symlinkSync('../packages/keelson/bin/keelson', join(folder, 'bin/keelson'));
    symlinkSync(join(folder, 'bin/keelson'), join(folder, 'k'));
    expect(run({ command: join(folder, 'k') })).toEqual({ status: 0, stdout: 'bundle', stderr: '' });
    expect(
      run({ command: 'keelson', env: { PATH: `${folder}/bin:${tools}`, KEELSON_NODE: process.execPath } }).stdout,
    ).toBe('bundle');
  });

  it('is nothing, with a reason, when packages or files are missing', () => {
    rmSync(join(root, 'dist'), { recursive: true });
    rmSync(join(root, 'node_modules'), { recursive: true });
    expect(run()).toMatchObject({
      status: 1,
      stderr: `keelson: its packages are not installed.\n  Run: make -C ${root} install\n`,
    });
    rmSync(join(root, 'src'), { recursive: true });
    expect(run()).toMatchObject({
      status: 1,
      stderr: `keelson: ${root} holds neither dist/bin.js nor src/bin.ts; install it again.\n`,
    });
  });
});
