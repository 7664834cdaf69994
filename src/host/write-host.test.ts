import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FileSpec } from '../model/file.ts';
import type { RunId, StepId } from '../model/ids.ts';
import { Secret } from '../model/secret.ts';
import type { Clock } from '../ports/clock.ts';
import { script, writeCommand } from '../ports/command.ts';
import { inspectArtefacts } from '../ports/commands/files.ts';
import type { Artefact, CommandResult, WriteHost } from '../ports/host.ts';
import { type Fenced, fenced } from './fence.ts';
import { type LocalConnection, localConnection, testHost } from './testing/local-connection.ts';
import { createWriteHost } from './write-host.ts';

const isRoot = process.getuid?.() === 0;
/** A small file system of its own needs more than root: some containers may not mount. */
const mayMount =
  isRoot && spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()], { stdio: 'ignore' }).status === 0;
const never = new AbortController().signal;
const run = '20261121t101500z-3f9a1c' as RunId;
const step = '0123456789abcdef' as StepId;
const clock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

// Files of root are what this is about: without root there is nothing to test.
describe.runIf(isRoot).each(['dash', 'bash'])('writing through %s', (shell) => {
  let folder: string;
  let state: string;
  let connection: LocalConnection;
  let host: WriteHost;

  beforeEach(async () => {
    // Not in /tmp itself: a folder that everybody may write to, sticky or not, is a case of its own.
    folder = mkdtempSync(join(tmpdir(), 'keelson-write-'));
    state = join(folder, 'state');
    mkdirSync(state);
    writeFileSync(join(state, 'fence'), '7\n');
    connection = await localConnection(shell);
    host = bind(7);
  });

  afterEach(async () => {
    await connection.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function bind(fence: number): WriteHost {
    const read = { id: testHost, runAll: () => Promise.resolve([]) };
    return createWriteHost(read, connection, { run, step, fence }, state, clock);
  }

  const file = (name: string, content: string | Secret = 'text\n', mode = '644'): FileSpec => ({
    path: join(folder, name),
    content,
    mode,
  });
  const leftovers = (where = folder): string[] => readdirSync(where).filter((name) => name.startsWith('.keelson'));
  const last = (): string => readFileSync(join(state, 'last'), 'utf8');

  describe('the fence', () => {
    const command = (text: string, args: readonly string[] = []) => writeCommand('apt', script(text, args));

    test('lets a write of the present number act, and records how it ended', async () => {
      const result = await host.run(command('echo out; echo err >&2; exit 5'), never);
      expect(result).toEqual({ exitCode: 5, stdout: 'out\n', stderr: 'err\n' });
      expect(last()).toBe(`7 ${run} ${step} 5\n`);
      expect(statSync(state).mode & 0o777).toBe(0o755);
    });

    test.each([6, 8])('refuses number %i before anything is done, and names the holder', async (fence) => {
      const holder = {
        run: 'other',
        command: 'apply',
        user: 'eve',
        operator: 'desk',
        since: '2026-11-21T10:15:00Z',
        fence: 9,
      };
      writeFileSync(join(state, 'lock'), `other\n${JSON.stringify(holder)}\n`);
      const target = join(folder, 'made');
      await expect(bind(fence).run(command('touch "$1"', [target]), never)).rejects.toMatchObject({
        code: 'lock.lost',
        message: expect.stringContaining('eve@desk runs apply (other)'),
      });
      await expect(bind(fence).putFiles([file('made')], never)).rejects.toMatchObject({ code: 'lock.lost' });
      expect(existsSync(target)).toBe(false);
      expect(existsSync(join(state, 'last'))).toBe(false);
    });

    test('refuses everything on a machine that was never locked', async () => {
      rmSync(join(state, 'fence'));
      await expect(host.run(command('true'), never)).rejects.toMatchObject({ code: 'lock.lost' });
    });

    test('without a number on a machine that is going down it has gone away: nobody has taken the lock', async () => {
      rmSync(join(state, 'fence'));
      const result = await asIfStopping(
        folder,
        fenced(testHost, { run, step, fence: 7 }, state, ['touch', join(folder, 'made')]),
      );
      expect(result).toMatchObject({ code: 'host.unreachable' });
      expect(existsSync(join(folder, 'made'))).toBe(false);
    });

    test('another number on a machine that is going down is a lock that was lost all the same', async () => {
      writeFileSync(join(state, 'fence'), '8\n');
      const result = await asIfStopping(folder, fenced(testHost, { run, step, fence: 7 }, state, ['true']));
      expect(result).toMatchObject({ code: 'lock.lost' });
    });

    test.each([74, 75, 98, 124, 137])('gives exit code %i of the command itself as a result', async (exitCode) => {
      await expect(host.run(command(`exit ${exitCode}`), never)).resolves.toMatchObject({ exitCode });
    });

    test('does nothing where it cannot keep its record', async () => {
      mkdirSync(join(state, '.flock'));
      const target = join(folder, 'made');
      await expect(host.run(command('touch "$1"', [target]), never)).rejects.toMatchObject({
        code: 'host.command-failed',
      });
      rmSync(join(state, '.flock'), { recursive: true });
      mkdirSync(join(state, 'last'));
      await expect(host.run(command('touch "$1"', [target]), never)).rejects.toMatchObject({
        code: 'host.command-failed',
      });
      expect(existsSync(target)).toBe(false);
    });

    test.each([
      ["touch: cannot touch '/var/x': No space left on device", true],
      ['ctr: write /var/lib/containerd/y: no space left on device: unknown', true],
      ["E: You don't have enough free space in /var/cache/apt/archives/.", true],
      ["touch: cannot touch '/var/x': Read-only file system", false],
    ])('tells a command that found no room by its words: %s', async (line, full) => {
      const end = host.run(command('echo first >&2; echo "$1" >&2; echo last >&2; exit 3', [line]), never);
      if (!full) expect(await end).toMatchObject({ exitCode: 3 });
      else
        await expect(end).rejects.toMatchObject({
          code: 'host.disk-full',
          message: expect.stringContaining(line),
          details: { host: testHost, action: expect.stringContaining('df -h') },
        });
      // A command that did what it should may have said so in passing.
      expect(await host.run(command('echo "$1" >&2', [line]), never)).toMatchObject({ exitCode: 0 });
    });

    test.runIf(mayMount)('names the file system that is full, for a file, an artefact and its own record', async () => {
      const small = join(folder, 'small');
      const place = join(small, 'inner', 'file');
      mkdirSync(small);
      spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=755', 'tmpfs', small]);
      try {
        const full = {
          code: 'host.disk-full',
          message: expect.stringMatching(new RegExp(`the file system at ${small} is full$`)),
        };
        const content = 'n'.repeat(400_000);
        await expect(host.putFiles([{ path: place, content, mode: '600' }], never)).rejects.toMatchObject(full);
        const source = join(folder, 'source');
        writeFileSync(source, content);
        const sha256 = createHash('sha256').update(content).digest('hex');
        const artefact = { source, path: place, mode: '600', sha256, sizeBytes: 400_000 };
        await expect(host.putArtefact(artefact, never)).rejects.toMatchObject(full);
        state = join(small, 'state');
        mkdirSync(state);
        writeFileSync(join(state, 'fence'), '7\n');
        spawnSync('dd', ['if=/dev/zero', `of=${join(small, 'filler')}`, 'bs=4k']);
        const made = join(folder, 'made');
        await expect(bind(7).run(command('touch "$1"', [made]), never)).rejects.toMatchObject({
          ...full,
          details: { host: testHost, action: expect.stringContaining(`Free space on ${small} of`) },
        });
        expect(existsSync(made)).toBe(false);
      } finally {
        spawnSync('umount', ['-l', small]);
      }
    });

    test('does not lend its lock to what a command leaves behind', async () => {
      await host.run(command('sleep 3 </dev/null >/dev/null 2>&1 &'), never);
      const begin = performance.now();
      await host.run(command('true'), never);
      expect(performance.now() - begin).toBeLessThan(2000);
    });

    test('keeps the lock until a command that ignores SIGTERM is dead', async () => {
      const stubborn = writeCommand(
        'apt',
        script(`trap '' TERM; i=0; while [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done; touch "$1"`, [
          join(folder, 'late'),
        ]),
        {
          timeoutMs: 300,
        },
      );
      await expect(host.run(stubborn, never)).rejects.toMatchObject({ code: 'host.timeout' });
      expect(last()).toBe(`7 ${run} ${step} -\n`);
      await host.run(command('true'), never);
      expect(existsSync(join(folder, 'late'))).toBe(false);
    });
  });

  describe('putFiles', () => {
    test('writes many files in one round trip, with their modes, and makes folders', async () => {
      const files = [
        file('a', 'A\n', '600'),
        file('x/y/b', new Secret('no newline'), '400'),
        file('c', '', '755'),
        file('x/d', '\u0000\n\n', '644'),
      ];
      const before = connection.roundTrips();
      await expect(host.putFiles(files, never)).resolves.toEqual(['written', 'written', 'written', 'written']);
      expect(connection.roundTrips() - before).toBe(1);
      for (const { path, mode, content } of files) {
        expect(readFileSync(path, 'utf8')).toBe(content instanceof Secret ? 'no newline' : content);
        expect(statSync(path)).toMatchObject({ uid: 0, gid: 0 });
        expect((statSync(path).mode & 0o7777).toString(8)).toBe(mode);
      }
      expect(statSync(join(folder, 'x/y')).mode & 0o7777).toBe(0o755);
      expect([leftovers(), leftovers(join(folder, 'x'))]).toEqual([[], []]);
    });

    test('leaves what is right untouched', async () => {
      const files = [file('a'), file('b'), file('c')];
      await host.putFiles(files, never);
      const inode = (name: string) => lstatSync(join(folder, name)).ino;
      const before = [inode('a'), inode('c')];
      writeFileSync(join(folder, 'b'), 'drift');
      await expect(host.putFiles(files, never)).resolves.toEqual(['unchanged', 'written', 'unchanged']);
      expect([inode('a'), inode('c')]).toEqual(before);
      expect(readFileSync(join(folder, 'b'), 'utf8')).toBe('text\n');
    });

    test.each([
      ['mode', (path: string) => chmodSync(path, 0o666)],
      ['group', (path: string) => chownSync(path, 0, 1)],
    ])('mends a wrong %s', async (_what, spoil) => {
      await host.putFiles([file('a')], never);
      spoil(join(folder, 'a'));
      await expect(host.putFiles([file('a')], never)).resolves.toEqual(['written']);
      expect(statSync(join(folder, 'a'))).toMatchObject({ mode: 0o100644, gid: 0 });
    });

    test.each<[string, () => void]>([
      ['a symbolic link', () => symlinkSync('/etc/passwd', join(folder, 'd/t'))],
      ['a dangling symbolic link', () => symlinkSync('/nonexistent', join(folder, 'd/t'))],
      ['a folder', () => mkdirSync(join(folder, 'd/t'))],
      [
        'a file of somebody else',
        () => {
          writeFileSync(join(folder, 'd/t'), 'theirs');
          chownSync(join(folder, 'd/t'), 1000, 1000);
        },
      ],
      ['below a folder of somebody else', () => chownSync(join(folder, 'd'), 1000, 0)],
      ['below a folder that everybody may write to', () => chmodSync(join(folder, 'd'), 0o777)],
      [
        'below a symbolic link',
        () => {
          rmSync(join(folder, 'd'), { recursive: true });
          mkdirSync(join(folder, 'real'));
          symlinkSync(join(folder, 'real'), join(folder, 'd'));
        },
      ],
      [
        'below a file',
        () => {
          rmSync(join(folder, 'd'), { recursive: true });
          writeFileSync(join(folder, 'd'), '');
        },
      ],
    ])('refuses a target that is %s, and writes none of the files', async (_what, prepare) => {
      mkdirSync(join(folder, 'd'));
      prepare();
      const files = [file('first'), file('d/t')];
      await expect(host.putFiles(files, never)).rejects.toMatchObject({ code: 'host.file-refused' });
      expect(existsSync(join(folder, 'first'))).toBe(false);
      expect(leftovers()).toEqual([]);
    });

    test('carries any path and content as data', async () => {
      const names = [
        "it's",
        '$(touch canary)',
        '`touch canary`',
        ';touch canary',
        '-rf',
        'a b',
        '*',
        '%s%n',
        'ü€',
        '"',
        'a|b',
        '\\n',
      ];
      await host.putFiles(
        names.map((name) => file(name, name)),
        never,
      );
      for (const name of names) expect(readFileSync(join(folder, name), 'utf8')).toBe(name);
      expect(readdirSync(folder).sort()).toEqual([...names, 'state'].sort());
      expect(existsSync('/canary')).toBe(false);
    });

    test.each(['relative', '/a/../b', '/a//b', '/a/./b', '/a/', '/a\nb', ''])(
      'does not take %j for a path',
      async (path) => {
        await expect(host.putFiles([{ path, content: '', mode: '600' }], never)).rejects.toMatchObject({
          code: 'internal',
        });
      },
    );

    test('removes what an interrupted call left beside a file', async () => {
      writeFileSync(join(folder, '.keelson-tmp-dead.1'), 'half a secr');
      await host.putFiles([file('a')], never);
      expect(leftovers()).toEqual([]);
    });

    test('keeps the mode closed while a secret is written', async () => {
      // The temporary file exists only for a moment, so it is looked at from a program that is called in that moment.
      const big = new Secret('k'.repeat(3_000_000));
      const modes = new Set<number>();
      const watch = setInterval(() => {
        for (const name of leftovers()) {
          try {
            modes.add(statSync(join(folder, name)).mode & 0o777);
          } catch {
            // It has its name by now.
          }
        }
      }, 0);
      await host.putFiles([file('key', big, '600')], never);
      clearInterval(watch);
      expect([...modes]).toEqual([0o600]);
    });
  });

  describe('putArtefact', () => {
    const content = Buffer.alloc(3_000_000, 'keelson');
    const sha256 = createHash('sha256').update(content).digest('hex');
    let artefact: Artefact;

    beforeEach(() => {
      const source = join(folder, 'source');
      writeFileSync(source, content);
      artefact = { source, path: join(folder, 'opt/bin/tool'), mode: '755', sha256, sizeBytes: content.length };
    });

    test('streams the file, and knows it again without reading it', async () => {
      await expect(host.putArtefact(artefact, never)).resolves.toBe('written');
      expect(readFileSync(artefact.path).equals(content)).toBe(true);
      expect(statSync(artefact.path)).toMatchObject({ mode: 0o100755, uid: 0, gid: 0 });
      const inode = statSync(artefact.path).ino;
      const before = connection.roundTrips();
      await expect(host.putArtefact(artefact, never)).resolves.toBe('unchanged');
      expect(connection.roundTrips() - before).toBe(1);
      expect(statSync(artefact.path).ino).toBe(inode);
      expect(leftovers(join(folder, 'opt/bin'))).toEqual([]);
    });

    test('its stamp is what inspect-artefacts compares', async () => {
      await host.putArtefact(artefact, never);
      const { argv } = inspectArtefacts(join(state, 'artefacts'), [artefact.path]);
      const [result] = await connection.run('main', [{ argv, timeoutMs: 5000, outputLimit: 10_000 }], never);
      const [stamp = '', now = ''] = result?.stdout.trim().split('\n') ?? [];
      expect(stamp.split('|').slice(0, 3)).toEqual(['stamp', artefact.path, sha256]);
      expect(now.split('|').slice(2)).toEqual(stamp.split('|').slice(3));
    });

    test('finds a file that was changed under the same size and time', async () => {
      await host.putArtefact(artefact, never);
      const { atime, mtime } = statSync(artefact.path);
      const changed = Buffer.from(content);
      changed.write('X', 1000);
      writeFileSync(artefact.path, changed);
      utimesSync(artefact.path, atime, mtime);
      await expect(host.putArtefact(artefact, never)).resolves.toBe('written');
      expect(readFileSync(artefact.path).equals(content)).toBe(true);
    });

    test('takes over a file that is right and has no stamp', async () => {
      await host.putArtefact(artefact, never);
      rmSync(join(state, 'artefacts'));
      const inode = statSync(artefact.path).ino;
      await expect(host.putArtefact(artefact, never)).resolves.toBe('unchanged');
      expect(statSync(artefact.path).ino).toBe(inode);
      chmodSync(artefact.path, 0o700);
      await expect(host.putArtefact(artefact, never)).resolves.toBe('written');
      expect(statSync(artefact.path).mode & 0o777).toBe(0o755);
    });

    test('keeps one stamp for each path', async () => {
      await host.putArtefact(artefact, never);
      truncateSync(artefact.path, 5);
      await host.putArtefact(artefact, never);
      await host.putArtefact({ ...artefact, path: join(folder, 'opt/bin/other') }, never);
      expect(readFileSync(join(state, 'artefacts'), 'utf8').trim().split('\n')).toHaveLength(2);
    });

    test('refuses a source that is not what it should be, and leaves nothing', async () => {
      await expect(host.putArtefact({ ...artefact, sha256: '0'.repeat(64) }, never)).rejects.toMatchObject({
        code: 'software.bundle',
      });
      await expect(host.putArtefact({ ...artefact, sizeBytes: 5 }, never)).rejects.toMatchObject({
        code: 'software.bundle',
      });
      expect(readdirSync(join(folder, 'opt/bin'))).toEqual([]);
    });

    test('refuses a symbolic link and a lost lock', async () => {
      mkdirSync(join(folder, 'opt/bin'), { recursive: true });
      symlinkSync('/etc/passwd', artefact.path);
      await expect(host.putArtefact(artefact, never)).rejects.toMatchObject({ code: 'host.file-refused' });
      rmSync(artefact.path);
      await expect(bind(6).putArtefact(artefact, never)).rejects.toMatchObject({ code: 'lock.lost' });
      expect(readdirSync(join(folder, 'opt/bin'))).toEqual([]);
    });

    test('removes what earlier runs left half-sent, and no other run’s present work of its own', async () => {
      mkdirSync(join(folder, 'opt/bin'), { recursive: true });
      writeFileSync(join(folder, 'opt/bin/.keelson-part-20250101t000000z-aaaaaa-1234'), 'half');
      writeFileSync(join(folder, `opt/bin/.keelson-part-${run}-1234`), 'the same run, another file');
      await host.putArtefact(artefact, never);
      expect(leftovers(join(folder, 'opt/bin'))).toEqual([`.keelson-part-${run}-1234`]);
    });
  });
});

/** The error of a fenced command where systemd says that the machine is going down. */
async function asIfStopping(folder: string, { argv, resultOf }: Fenced): Promise<unknown> {
  const programs = join(folder, 'programs');
  mkdirSync(programs);
  writeFileSync(join(programs, 'systemctl'), '#!/bin/sh\necho stopping\nexit 1\n', { mode: 0o755 });
  const [program, ...args] = argv;
  const ran = spawnSync(program, args, { env: { PATH: `${programs}:${process.env.PATH}` }, encoding: 'utf8' });
  try {
    return resultOf({ exitCode: ran.status ?? 1, stdout: ran.stdout, stderr: ran.stderr } as CommandResult);
  } catch (error) {
    return error;
  }
}
