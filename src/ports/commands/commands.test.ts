import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Secret } from '../../model/secret.ts';
import type { ReadCommand, WriteCommand } from '../command.ts';
import { etcdManifest, etcdProcess, SAME_KUBEADM } from './etcd.ts';
import {
  inspectArtefacts,
  inspectFiles,
  listDirectories,
  makeDirectory,
  ownByRoot,
  publicKeys,
  readFiles,
  removePaths,
} from './files.ts';
import { machine, versions } from './machine.ts';
import { diskSpace, fsyncLatency } from './preflight.ts';

// Scripts of ours are run by the shells they will meet; programs that only a machine has are left to the end-to-end tests.
const canRun = process.platform === 'linux' && process.getuid?.() === 0;

describe.runIf(canRun).each(['dash', 'bash'])('under %s', (shell) => {
  let folder: string;
  const at = (name: string): string => join(folder, name);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'keelson-commands-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function run(command: ReadCommand | WriteCommand, path = process.env.PATH) {
    const [program, ...args] = command.argv;
    const input = command.stdin instanceof Secret ? '' : (command.stdin ?? '');
    const result = spawnSync(program === 'sh' ? shell : program, args, {
      input,
      encoding: 'utf8',
      cwd: '/',
      // With a socket as stdin a first-level bash takes itself for a remote login, and reads .bashrc.
      env: { PATH: path, LC_ALL: 'C', SHLVL: '2' },
    });
    return {
      exitCode: result.status,
      stdout: result.stdout,
      stderr: result.stderr,
      lines: result.stdout.split('\n').filter((l) => l !== ''),
    };
  }

  test('inspect-files says what is there, follows no link, and passes over what is missing', () => {
    writeFileSync(at("it's $x"), 'content', { mode: 0o640 });
    writeFileSync(at('empty'), '', { mode: 0o600 });
    mkdirSync(at('dir'), { mode: 0o700 });
    symlinkSync('/etc/passwd', at('link'));
    const { lines, exitCode, stderr } = run(inspectFiles(["it's $x", 'empty', 'dir', 'link', 'missing'].map(at)));
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const found = lines.filter((l) => l.includes('|')).map((l) => l.split('|'));
    expect(found.map(([type, mode, owner, group, size]) => [type, mode, owner, group, size].join(' '))).toEqual([
      'regular file 640 root root 7',
      'regular empty file 600 root root 0',
      expect.stringMatching(/^directory 700 root root /),
      expect.stringMatching(/^symbolic link 777 root root /),
    ]);
    expect(found.map((f) => [f[5], f[7]])).toEqual(
      ["it's $x", 'empty', 'dir', 'link'].map((n) => [String(lstatSync(at(n)).ino), at(n)]),
    );
    const sum = createHash('sha256').update('content').digest('hex');
    expect(lines.filter((l) => !l.includes('|'))[0]).toBe(`${sum}  ${at("it's $x")}`);
    expect(lines.filter((l) => !l.includes('|'))).toHaveLength(2);
  });

  test('inspect-artefacts gives the stamps and the same numbers of what is there', () => {
    writeFileSync(at('tool'), 'x');
    writeFileSync(at('stamped'), 'y');
    writeFileSync(at('stamps'), `${at('stamped')}|aaaa|1|2|3|4\n${at('gone')}|bbbb|1|2|3|4\n`);
    const { lines, exitCode, stderr } = run(inspectArtefacts(at('stamps'), [at('tool'), at('missing')]));
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(lines.filter((l) => l.startsWith('stamp|'))).toEqual([
      `stamp|${at('stamped')}|aaaa|1|2|3|4`,
      `stamp|${at('gone')}|bbbb|1|2|3|4`,
    ]);
    const now = lines.filter((l) => l.startsWith('now|'));
    expect(now.map((l) => l.split('|')[1])).toEqual([at('tool'), at('stamped')]);
    expect(now[0]).toMatch(/^now\|[^|]+\|1\|\d+\|\d+\.\d{9}\|\d+\.\d{9}$/);
    expect(run(inspectArtefacts(at('none'), [])).lines).toEqual([]);
  });

  test('read-files gives each byte of a file, cut at its limit, and nothing for a link', () => {
    const bytes = Buffer.from([0, 10, 13, 124, 255, 10]);
    writeFileSync(at('a|b'), bytes);
    writeFileSync(at('large'), Buffer.alloc(300 * 1024, 'x'));
    symlinkSync('/etc/passwd', at('link'));
    const { lines } = run(readFiles(['a|b', 'large', 'link', 'missing'].map(at)));
    expect(lines).toHaveLength(2);
    const content = (line = '') => Buffer.from(line.slice(line.lastIndexOf('|') + 1), 'base64');
    expect(content(lines[0])).toEqual(bytes);
    expect(content(lines[1])).toHaveLength(256 * 1024);
  });

  test('list-directories looks two levels deep', () => {
    mkdirSync(at('d/e/f/g'), { recursive: true });
    writeFileSync(at('d/x'), '', { mode: 0o600 });
    symlinkSync('x', at('d/l'));
    const { lines } = run(listDirectories([at('d'), at('missing')]));
    expect(lines.sort()).toEqual([
      `d|755|root|${at('d/e')}`,
      `d|755|root|${at('d/e/f')}`,
      `f|600|root|${at('d/x')}`,
      `l|777|root|${at('d/l')}`,
    ]);
  });

  test.each([
    [
      'EC',
      () =>
        generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'sec1', format: 'pem' }) as string,
    ],
    [
      'RSA',
      () =>
        generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
          type: 'pkcs1',
          format: 'pem',
        }) as string,
    ],
  ])('public-keys gives the digest of an %s key’s public half, and nothing of the key', (_kind, make) => {
    const pem = make();
    writeFileSync(at('key'), pem);
    writeFileSync(at('broken'), 'no key');
    const { stdout } = run(publicKeys([at('key'), at('broken'), at('missing')]));
    const spki = createPublicKey(pem).export({ type: 'spki', format: 'der' });
    expect(stdout).toBe(`${at('key')}|${createHash('sha256').update(spki).digest('hex')}\n`);
  });

  test('machine and versions work where much is missing', () => {
    const { lines } = run(machine());
    const values = new Map(lines.map((l) => [l.slice(0, l.indexOf('=')), l.slice(l.indexOf('=') + 1)]));
    expect(values.get('uid')).toBe('0');
    expect(values.get('architecture')).toBe(execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim());
    expect(values.get('clock')).toMatch(/^\d+\.\d{9}$/);
    expect(values.get('bootId')).toMatch(/^[0-9a-f-]{36}$/);
    mkdirSync(at('bin'));
    writeFileSync(at('bin/kubelet'), '#!/bin/sh\necho "Kubernetes v1.36.3"; echo more\n');
    chmodSync(at('bin/kubelet'), 0o755);
    const kubelet = (known: string[] = []): string[] => {
      const said = run(versions(known), `${at('bin')}:/usr/bin:/bin`).lines;
      return said.find((line) => line.startsWith('kubelet|'))?.split('|') ?? [];
    };
    const [, path, stamp = '', version] = kubelet();
    expect([path, version]).toEqual([at('bin/kubelet'), 'Kubernetes v1.36.3']);
    // Only the same file of the same program is not asked again.
    expect(kubelet([`kubelet=${stamp}`])).toEqual(['kubelet', path, stamp, 'same']);
    expect(kubelet([`kubeadm=${stamp}`]).at(-1)).toBe('Kubernetes v1.36.3');
    writeFileSync(at('bin/kubelet'), '#!/bin/sh\necho "Kubernetes v1.36.4"\n');
    expect(kubelet([`kubelet=${stamp}`]).at(-1)).toBe('Kubernetes v1.36.4');
  });

  test('etcd-process finds a process by its name, with its arguments', () => {
    execFileSync('cp', ['/bin/sleep', at('etcd')]);
    const child = spawn(at('etcd'), ['30'], { stdio: 'ignore' });
    try {
      const mine = run(etcdProcess()).lines.find((l) => l.startsWith(`${child.pid}|`));
      expect(Buffer.from(mine?.split('|')[1] ?? '', 'base64').toString()).toBe(`${at('etcd')}\u000030\u0000`);
    } finally {
      child.kill('SIGKILL');
    }
  });

  test('etcd-manifest leaves nothing under /run, whether kubeadm likes its configuration or not', () => {
    mkdirSync(at('bin'));
    const kubeadm = (text: string): void => {
      writeFileSync(at('bin/kubeadm'), `#!/bin/sh\n${text}\n`);
      chmodSync(at('bin/kubeadm'), 0o755);
    };
    const left = (): string[] => readdirSync('/run').filter((name) => name.startsWith('keelson-dryrun'));
    const before = left();
    const path = `${at('bin')}:/usr/bin:/bin`;
    kubeadm('stat -c %a "$KUBEADM_INIT_DRYRUN_DIR" >&2; cp "$7" "$KUBEADM_INIT_DRYRUN_DIR/etcd.yaml"; echo chatter');
    expect(run(etcdManifest('the: configuration\n'), path)).toMatchObject({
      exitCode: 0,
      stdout: 'the: configuration\n',
    });
    kubeadm('echo "error: no" >&2; exit 3');
    expect(run(etcdManifest('x'), path)).toMatchObject({ exitCode: 3, stdout: '', stderr: 'error: no\n' });
    expect(run(etcdManifest('x'), '/usr/bin:/bin').exitCode).toBe(127);
    expect(left()).toEqual(before);
  });

  test('etcd-manifest leaves nothing under /run when nobody is there any more to take its answer', async () => {
    mkdirSync(at('bin'));
    writeFileSync(at('bin/kubeadm'), '#!/bin/sh\n: >"$0.runs"; sleep 0.2; : >"$KUBEADM_INIT_DRYRUN_DIR/etcd.yaml"\n');
    chmodSync(at('bin/kubeadm'), 0o755);
    const env = { PATH: `${at('bin')}:/usr/bin:/bin`, LC_ALL: 'C', SHLVL: '2', XDG_RUNTIME_DIR: folder };
    const child = spawn(shell, etcdManifest('x').argv.slice(1), { cwd: '/', env });
    const ended = once(child, 'exit');
    child.stdin.end('x');
    // As when the connection is cut while kubeadm works.
    child.stdout.destroy();
    child.stderr.destroy();
    await ended;
    expect(readdirSync(folder).filter((name) => name !== 'bin')).toEqual([]);
    expect(readdirSync(at('bin'))).toContain('kubeadm.runs');
  });

  test('etcd-manifest asks no kubeadm that has answered already, until its file is another', () => {
    mkdirSync(at('bin'));
    const kubeadm = (text: string): void => {
      writeFileSync(at('bin/kubeadm'), `#!/bin/sh\n${text}\n`);
      chmodSync(at('bin/kubeadm'), 0o755);
    };
    const path = `${at('bin')}:/usr/bin:/bin`;
    kubeadm('echo one >"$KUBEADM_INIT_DRYRUN_DIR/etcd.yaml"');
    const first = run(etcdManifest('x'), path);
    expect(first).toMatchObject({ exitCode: 0, stdout: 'one\n' });
    const stamp = first.stderr.trim();
    expect(stamp).toMatch(/^\S+$/);
    expect(run(etcdManifest('x', stamp), path)).toMatchObject({ exitCode: SAME_KUBEADM, stdout: '' });
    kubeadm('echo two >"$KUBEADM_INIT_DRYRUN_DIR/etcd.yaml"');
    expect(run(etcdManifest('x', stamp), path)).toMatchObject({ exitCode: 0, stdout: 'two\n' });
  });

  test('disk-space takes the nearest folder that exists', () => {
    const { lines } = run(diskSpace([at('no/such/folder'), '/']));
    expect(lines.map((l) => l.split('|').length)).toEqual([9, 9]);
    expect(lines[0]?.split('|')[0]).toBe(at('no/such/folder'));
    expect(lines.every((l) => Number(l.split('|')[6]) > 0)).toBe(true);
  });

  test('fsync-latency gives times and leaves no file', () => {
    const { lines, exitCode } = run(fsyncLatency(at('no/such/folder')));
    expect(exitCode).toBe(0);
    expect(lines.length).toBeGreaterThan(5);
    for (const line of lines) expect(Number(line)).toBeGreaterThan(0);
    expect(readdirSync(folder)).toEqual([]);
  }, 30_000);

  test('make-directory, own-by-root and remove-paths', () => {
    expect(run(makeDirectory(at('a/b'), '700')).exitCode).toBe(0);
    expect([statSync(at('a')).mode & 0o777, statSync(at('a/b')).mode & 0o777]).toEqual([0o755, 0o700]);
    expect(run(makeDirectory(at('a/b'), '750')).exitCode).toBe(0);
    expect(statSync(at('a/b')).mode & 0o777).toBe(0o750);
    symlinkSync('/etc/hostname', at('link'));
    expect(run(ownByRoot([at('link')])).exitCode).toBe(0);
    expect(run(removePaths([at('a'), at('link'), at('missing')])).exitCode).toBe(0);
    expect(readdirSync(folder)).toEqual([]);
    expect(statSync('/etc/hostname').isFile()).toBe(true);
  });
});
