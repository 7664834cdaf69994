import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { artefactsProbe } from '../../src/facts/files.ts';
import type { ReadCommand, WriteCommand } from '../../src/ports/command.ts';
import { inspectArtefacts } from '../../src/ports/commands/files.ts';
import { clearData, forgetMachine, removeArtefacts, STILL_RUNS, sweepFolders } from '../../src/ports/commands/reset.ts';

// The scripts themselves, run by this computer's shell on folders of their own. What needs a kubelet is tried on lab machines.

const linux = process.platform === 'linux';
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keelson-reset-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function run(command: ReadCommand | WriteCommand): { exitCode: number; stdout: string; stderr: string } {
  const [program, ...args] = command.argv;
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  return { exitCode: status ?? -1, stdout, stderr };
}

function put(path: string, content = 'x'): string {
  const full = join(folder, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content);
  return full;
}

function left(path = ''): string[] {
  return readdirSync(join(folder, path), { recursive: true, encoding: 'utf8' }).sort();
}

describe.runIf(linux)('clear-data', () => {
  function data(): string {
    for (const name of ['etcd/member/wal/0.wal', 'etcd/member/snap/db', 'etcd/.etcd-defrag/x']) put(name);
    return join(folder, 'etcd');
  }

  it('removes etcd’s own entries, and the folder when nothing else is in it', () => {
    expect(run(clearData(data(), 'remove'))).toMatchObject({ exitCode: 0, stderr: '' });
    expect(left()).toEqual([]);
    expect(run(clearData(join(folder, 'etcd'), 'remove')).exitCode).toBe(0);
  });

  it('keeps the folder for the next founding', () => {
    expect(run(clearData(data(), 'keep')).exitCode).toBe(0);
    expect(left()).toEqual(['etcd']);
  });

  it('leaves everything that is not etcd’s', () => {
    data();
    put('etcd/notes.txt');
    put('etcd/members/x');
    expect(run(clearData(join(folder, 'etcd'), 'remove')).exitCode).toBe(0);
    expect(left('etcd')).toEqual(['members', 'members/x', 'notes.txt']);
  });

  it('follows no symbolic link: neither for the folder nor for what is in it', () => {
    put('elsewhere/member/wal/0.wal');
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'etcd'));
    expect(run(clearData(join(folder, 'etcd'), 'remove')).exitCode).toBe(0);
    expect(left('elsewhere')).toContain('member/wal/0.wal');
    rmSync(join(folder, 'etcd'));
    mkdirSync(join(folder, 'etcd'));
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'etcd/member'));
    expect(run(clearData(join(folder, 'etcd'), 'remove')).exitCode).toBe(0);
    expect(left()).toEqual(['elsewhere', 'elsewhere/member', 'elsewhere/member/wal', 'elsewhere/member/wal/0.wal']);
  });

  it('does nothing under a process that is called etcd and uses the folder', async () => {
    const directory = data();
    const program = join(folder, 'etcd-program', 'etcd');
    mkdirSync(dirname(program));
    // A shell under etcd's name: it takes any argument, and waits for its standard input.
    copyFileSync('/bin/bash', program);
    const started = spawn(program, ['-c', 'echo up; read x', 'bash', `--data-dir=${directory}`]);
    await once(started.stdout, 'data');
    const busy = run(clearData(directory, 'remove'));
    expect([busy.exitCode, busy.stderr]).toEqual([STILL_RUNS, `etcd (process ${started.pid}) uses ${directory}\n`]);
    expect(left('etcd')).toContain('member/wal/0.wal');
    const other = run(clearData(`${directory}-other`, 'remove'));
    expect(other.exitCode).toBe(0);
    started.kill();
    await once(started, 'close');
    expect(run(clearData(directory, 'remove')).exitCode).toBe(0);
  });
});

describe.runIf(linux)('remove-artefacts', () => {
  const sum = 'a'.repeat(64);

  function stamp(path: string): string {
    const numbers = spawnSync('stat', ['-c', '%s|%i|%.Y|%.Z', path], { encoding: 'utf8' }).stdout.trim();
    return `${path}|${sum}|${numbers}\n`;
  }

  it('removes what is as it was placed, and names what is not', () => {
    const [same, changed, gone] = [put('same'), put('changed'), put('gone')];
    const stamps = put('stamps', [same, changed, gone].map(stamp).join(''));
    writeFileSync(changed, 'another');
    rmSync(gone);
    put('foreign');
    expect(run(removeArtefacts(stamps))).toEqual({ exitCode: 0, stdout: `kept|${changed}\n`, stderr: '' });
    expect(left()).toEqual(['changed', 'foreign', 'stamps']);
    expect(run(removeArtefacts(stamps)).exitCode).toBe(0);
  });

  it('is shown before by the same numbers, whichever bundle the configuration names', () => {
    const [same, changed] = [put('same'), put('changed')];
    const stamps = put('stamps', [same, changed].map(stamp).join(''));
    writeFileSync(changed, 'another');
    const looked = run(inspectArtefacts(stamps, ['/nonexistent']));
    const parse = artefactsProbe.parse as unknown as (results: unknown[]) => ReadonlyMap<string, string>;
    expect([...parse([looked])]).toEqual([[same, sum]]);
  });

  it('has nothing to do without a list', () => {
    expect(run(removeArtefacts(join(folder, 'none')))).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    expect(run(inspectArtefacts(join(folder, 'none'), ['/nonexistent']))).toEqual({
      exitCode: 0,
      stdout: '',
      stderr: '',
    });
  });
});

describe.runIf(linux)('sweep-folders', () => {
  it('removes half-sent files, and of the named folders the empty ones', () => {
    for (const path of ['own/.keelson-tmp-1', 'shared/.keelson-part-2', 'shared/kubelet', 'full/x', 'full/.keelson-3'])
      put(path);
    mkdirSync(join(folder, 'shared/empty'));
    const [own, shared, full] = ['own', 'shared', 'full'].map((name) => join(folder, name));
    const all = [own, shared, full, join(folder, 'none')] as string[];
    expect(run(sweepFolders(all, [own, full, join(folder, 'none')] as string[]))).toMatchObject({
      exitCode: 0,
      stderr: '',
    });
    expect(left()).toEqual(['full', 'full/x', 'shared', 'shared/empty', 'shared/kubelet']);
  });

  it('goes through no symbolic link', () => {
    put('real/.keelson-tmp-1');
    symlinkSync(join(folder, 'real'), join(folder, 'link'));
    expect(run(sweepFolders([join(folder, 'link')], [join(folder, 'link')])).exitCode).toBe(0);
    expect(left('real')).toEqual(['.keelson-tmp-1']);
    expect(existsSync(join(folder, 'link'))).toBe(true);
  });
});

describe.runIf(linux)('forget-machine', () => {
  it('leaves the fence and what it works with, and the record goes last', () => {
    const record = put('keelson/host.json');
    for (const path of ['keelson/kubelet.yaml', 'keelson/.hidden', 'keelson/a/b']) put(path);
    for (const path of ['fence', 'lock', 'last', '.flock', 'artefacts', '.lock.new', 'images/x.tar'])
      put(`state/${path}`);
    const state = join(folder, 'state');
    expect(run(forgetMachine(record, state, [join(folder, 'none')]))).toMatchObject({ exitCode: 0, stderr: '' });
    expect(left()).toEqual(['state', 'state/.flock', 'state/fence', 'state/last', 'state/lock']);
    expect(run(forgetMachine(record, state, [])).exitCode).toBe(0);
  });

  it('keeps the record when something before it could not be removed', () => {
    const record = put('keelson/host.json');
    put('keelson/kubelet.yaml');
    // `rm` fails for a folder that is not there as a folder: a name that it may not touch stands for it.
    const text = forgetMachine(record, '/proc/self', []);
    expect(run(text).exitCode).not.toBe(0);
    expect(existsSync(record)).toBe(true);
  });
});
