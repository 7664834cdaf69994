import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createLab, type Lab, type Machine as LabMachine } from '../../lab/index.ts';
import { hostId, type RunId, type StepId } from '../model/ids.ts';
import { Secret } from '../model/secret.ts';
import type { Clock } from '../ports/clock.ts';
import { readCommand, script, writeCommand } from '../ports/command.ts';
import type { LockHolder } from '../ports/host.ts';
import { scanHostKeys } from './host-keys.ts';
import { recordHostKeys } from './known-hosts.ts';
import { type ConnectedMachine, type Machines, type MachinesOptions, openMachines } from './machines.ts';
import type { SshTarget } from './ssh-target.ts';

const never = new AbortController().signal;
const a = hostId('a');
const step = '0123456789abcdef' as StepId;
const clock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, ms);
      signal?.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(signal.reason);
      });
    }),
};
const sh = (text: string, timeoutMs = 10_000) => readCommand('machine', script(text, []), { timeoutMs });
const quick = (text: string) => writeCommand('remove-paths', script(text, []));
const long = (text: string, options: { stdin?: string | Secret; timeoutMs?: number; outputLimit?: number } = {}) =>
  writeCommand('apt', script(text, []), { ...options, mayBeLong: true });

let lab: Lab;
let box: LabMachine;
let other: LabMachine;
let folder: string;
let knownHostsFile: string;
let numbers = 0;
const opened: Machines[] = [];

beforeAll(async () => {
  const machines = [{ name: 'box', disk: { sizeMiB: 64 } }, { name: 'other' }];
  lab = await createLab({ name: 'e2e-host', machines });
  [box, other] = [lab.machine('box'), lab.machine('other')];
});
afterAll(() => lab?.down());

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'keelson-e2e-'));
  knownHostsFile = join(folder, 'known_hosts');
  writeFileSync(knownHostsFile, `${lab.hostKeys().join('\n')}\n`);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((machines) => machines.close()));
  rmSync(folder, { recursive: true, force: true });
});

function target(more: Partial<SshTarget> = {}): SshTarget {
  return { id: a, address: box.address, user: 'root', identityFile: lab.identityFile, ...more };
}

async function open(more: Partial<SshTarget> = {}, options: Partial<MachinesOptions> = {}): Promise<ConnectedMachine> {
  const machines = await openMachines({ hosts: [target(more)], knownHostsFile, clock, ...options });
  opened.push(machines);
  return machines.get(a);
}

function holderOf(run: RunId, fence: number): LockHolder {
  return {
    run,
    command: 'apply',
    user: 'ops',
    operator: 'desk',
    operatorMachineId: 'm',
    operatorBootId: 'b',
    pid: 1,
    pidStart: '1',
    since: '2026-11-21T10:15:00Z',
    fence,
  };
}

/** A new run that holds the lock with a number of its own. */
async function lockedRun(machine: ConnectedMachine) {
  const { fence, holder } = await machine.lock.state(never);
  numbers += 1;
  const run = `20261121t101500z-${numbers.toString(16).padStart(6, '0')}` as RunId;
  expect(await machine.lock.take(holderOf(run, fence + 1), holder?.run ?? null, never)).toBe('taken');
  return { run, fence: fence + 1, unit: `keelson-${run}-${step}`, host: machine.bind({ run, step, fence: fence + 1 }) };
}

const inBox = async (text: string): Promise<string> => (await box.exec(['sh', '-c', text])).stdout;
const has = async (path: string): Promise<boolean> =>
  (await box.exec(['test', '-e', path], { allowFailure: true })).code === 0;
const units = (): Promise<string> =>
  inBox("systemctl list-units --all --no-legend --plain 'keelson-[0-9]*' | cut -d' ' -f1");

async function until(what: string, check: () => Promise<boolean>, limitMs = 20_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await check())) {
    if (performance.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('a long command', () => {
  test('runs as a unit of systemd, gives its output and exit code, and leaves nothing', async () => {
    const machine = await open();
    const { host, run, fence } = await lockedRun(machine);
    const result = await host.run(
      long('cat; echo "$PATH $0" >&2; id -u; exit 3', { stdin: new Secret('secret-input\n') }),
      never,
    );
    expect(result).toMatchObject({ exitCode: 3, stdout: 'secret-input\n0\n' });
    expect(result.stderr).toContain('/usr/local/sbin');
    expect((await machine.lock.state(never)).last).toEqual({ fence, run, step, exitCode: 3 });
    expect(await units()).toBe('');
    expect(await inBox('ls -A /run/keelson')).toBe('');
    await expect(host.run(long('exit 0'), never)).resolves.toMatchObject({ exitCode: 0 });
  });

  test('shows its arguments and its secrets in no process list and no unit file', async () => {
    const machine = await open();
    const { host, unit } = await lockedRun(machine);
    const running = host.run(long('sleep 1; cat >/dev/null', { stdin: new Secret('S3cretInput') }), never);
    await until('it runs', async () => (await units()).includes(unit));
    const shown = await inBox(
      `systemctl cat ${unit}; systemctl show ${unit}; cat /proc/[0-9]*/cmdline | tr '\\0' ' '; find /run/keelson -mindepth 1 -perm /077`,
    );
    expect(shown).not.toContain('S3cretInput');
    expect(shown).not.toContain('/run/keelson/keelson-2\n');
    await running;
  });

  test('does not hold the lock while it runs, and a raised number refuses the next write', async () => {
    const machine = await open();
    const first = await lockedRun(machine);
    const running = first.host.run(long('sleep 30'), never).catch((e: unknown) => e);
    await until('it runs', async () => (await units()).includes(first.unit));
    expect((await machine.lock.state(never)).units).toEqual([{ name: `${first.unit}.service`, state: 'running' }]);
    const begin = performance.now();
    await machine.lock.raise(first.fence + 5, never);
    expect(performance.now() - begin).toBeLessThan(5000);
    // What the old holder was doing has ended with it.
    expect(await units()).toBe('');
    expect(await running).toMatchObject({ code: expect.stringMatching(/^(lock\.lost|host\.unreachable)$/) });
    await expect(first.host.run(quick('touch /canary'), never)).rejects.toMatchObject({ code: 'lock.lost' });
    await expect(first.host.run(long('touch /canary'), never)).rejects.toMatchObject({ code: 'lock.lost' });
    expect(await has('/canary')).toBe(false);
  });

  test('is stopped by an abort', async () => {
    const machine = await open();
    const { host, unit } = await lockedRun(machine);
    const controller = new AbortController();
    const running = host.run(long('sleep 30'), controller.signal);
    await until('it runs', async () => (await units()).includes(unit));
    controller.abort(new Error('stop now'));
    await expect(running).rejects.toThrow('stop now');
    expect(await units()).toBe('');
    expect(await inBox('ls -A /run/keelson')).toBe('');
  });

  test.each([0, 10, 20, 30, 40, 60, 80])(
    'is stopped by an abort after %i ms, while it is being started',
    async (ms) => {
      const { host } = await lockedRun(await open());
      const controller = new AbortController();
      const running = host.run(long('sleep 30'), controller.signal);
      setTimeout(() => controller.abort(new Error('stop now')), ms);
      await expect(running).rejects.toThrow('stop now');
      expect(await units()).toBe('');
      expect(await inBox('ls -A /run/keelson')).toBe('');
    },
  );

  test('outlives the tool, is seen by the next run, waited for, and forgotten', async () => {
    const machine = await open();
    const { host, unit } = await lockedRun(machine);
    void host.run(long('sleep 2; touch /outlived; exit 4'), never).catch(() => undefined);
    await until('it runs', async () => (await units()).includes(unit));
    await opened.pop()?.close();

    const next = await open();
    expect((await next.lock.state(never)).units).toEqual([{ name: `${unit}.service`, state: 'running' }]);
    expect(await next.lock.settleUnits(20_000, never)).toEqual([
      { name: `${unit}.service`, state: 'ended', exitCode: 4 },
    ]);
    expect(await has('/outlived')).toBe(true);
    expect(await units()).toBe('');
    expect(await inBox('ls -A /run/keelson')).toBe('');
  });

  test('that is found running at the deadline is stopped', async () => {
    const machine = await open();
    const { host, unit } = await lockedRun(machine);
    void host.run(long('sleep 60'), never).catch(() => undefined);
    await until('it runs', async () => (await units()).includes(unit));
    await opened.pop()?.close();
    const next = await open();
    expect(await next.lock.settleUnits(500, never)).toEqual([{ name: `${unit}.service`, state: 'running' }]);
    expect(await units()).toBe('');
  });

  test('of an earlier attempt of the same step does not run beside the new one', async () => {
    const machine = await open();
    const { host, run, fence, unit } = await lockedRun(machine);
    void host.run(long('sleep 30; touch /first'), never).catch(() => undefined);
    await until('it runs', async () => (await units()).includes(unit));
    await opened.pop()?.close();
    const again = (await open()).bind({ run, step, fence });
    await expect(again.run(long('pgrep -fx "sleep 30"; exit 0'), never)).resolves.toMatchObject({
      exitCode: 0,
      stdout: '',
    });
    expect(await has('/first')).toBe(false);
  });

  test('that takes too long is stopped on the machine', async () => {
    const { host } = await lockedRun(await open());
    await expect(host.run(long('sleep 54321', { timeoutMs: 500 }), never)).rejects.toMatchObject({
      code: 'host.timeout',
    });
    expect(await inBox('pgrep -fx "sleep 54321" || true')).toBe('');
    expect(await units()).toBe('');
  });

  test('with endless output fills nothing', async () => {
    const { host } = await lockedRun(await open());
    const result = await host.run(long('yes | head -c 20000000; echo end >&2; exit 6', { outputLimit: 10_000 }), never);
    expect(result).toMatchObject({ exitCode: 6, stderr: 'end\n' });
    expect(result.stdout).toHaveLength(10_000);
  });

  test('that leaves a daemon behind ends all the same', async () => {
    const { host } = await lockedRun(await open());
    const begin = performance.now();
    await expect(host.run(long('setsid sleep 20 & echo done'), never)).resolves.toMatchObject({
      exitCode: 0,
      stdout: 'done\n',
    });
    expect(performance.now() - begin).toBeLessThan(10_000);
  });

  test('on a machine that is rebooted meanwhile has no known outcome', async () => {
    const machine = await open();
    const { host, unit } = await lockedRun(machine);
    const running = host.run(long('sleep 60'), never).catch((e: unknown) => e);
    await until('it runs', async () => (await units()).includes(unit));
    await box.reboot();
    expect(await running).toMatchObject({ code: 'host.unreachable', details: { host: a } });
    expect((await machine.lock.state(never)).last).toMatchObject({ step });
    await expect(lockedRun(machine)).resolves.toBeDefined();
  });
});

describe('a machine that goes away', () => {
  test('by a power cut: the running command is lost in bounded time, the machine is used again when it is back', async () => {
    const machine = await open({}, { timeouts: { aliveMs: 6000, connectMs: 2000 } });
    const running = machine.read.runAll([sh('sleep 30', 60_000)], never).catch((e: unknown) => e);
    await until('it runs', async () => (await inBox('pgrep -fx "sleep 30" || true')) !== '');
    const begin = performance.now();
    await box.powerOff();
    expect(await running).toMatchObject({ code: 'host.unreachable', details: { host: a } });
    expect(performance.now() - begin).toBeLessThan(15_000);
    await expect(machine.read.runAll([sh('true')], never)).rejects.toMatchObject({ code: 'host.unreachable' });
    await box.boot();
    await expect(machine.read.runAll([sh('echo back')], never)).resolves.toMatchObject([{ stdout: 'back\n' }]);
  });

  test('by a freeze: the same', async () => {
    const machine = await open({}, { timeouts: { aliveMs: 6000, connectMs: 2000 } });
    await machine.read.runAll([sh('true')], never);
    await box.freeze();
    const outcome = machine.read.runAll([sh('true')], never).catch((e: unknown) => e);
    expect(await outcome).toMatchObject({ code: 'host.unreachable' });
    await box.thaw();
    await expect(machine.read.runAll([sh('echo back')], never)).resolves.toMatchObject([{ stdout: 'back\n' }]);
  });
});

describe('another user', () => {
  const password = "p'w $HOME \\ 1";

  beforeAll(async () => {
    const authorizedKey = lab.publicKey();
    await box.addUser({ name: 'asked', sudo: 'password', password, authorizedKey });
    await box.addUser({ name: 'free', sudo: 'nopasswd', authorizedKey });
    await box.addUser({ name: 'plain', sudo: 'none', password, authorizedKey });
  });

  test('becomes root by sudo without a password', async () => {
    const machine = await open({ user: 'free', become: 'sudo' });
    await expect(machine.read.runAll([sh('id -u; echo "$HOME"')], never)).resolves.toMatchObject([
      { stdout: '0\n/root\n' },
    ]);
  });

  test('becomes root with a password that is asked for once and shows nowhere', async () => {
    const questions: string[] = [];
    const machines = await openMachines({
      hosts: [target({ user: 'asked', become: 'sudo' }), target({ id: hostId('b'), user: 'asked', become: 'sudo' })],
      knownHostsFile,
      clock,
      askPassword: async (prompt) => {
        questions.push(prompt);
        return new Secret(password);
      },
    });
    opened.push(machines);
    const results = await Promise.all(
      ['a', 'b'].map((id) => machines.get(hostId(id)).read.runAll([sh('id -u')], never)),
    );
    expect(results.flat().map((r) => r.stdout)).toEqual(['0\n', '0\n']);
    expect(questions).toHaveLength(1);
    const { host } = await lockedRun(machines.get(a));
    await expect(host.putFiles([{ path: '/etc/by-sudo', content: 'x', mode: '600' }], never)).resolves.toEqual([
      'written',
    ]);
    const source = join(folder, 'file');
    // Every byte there is: sudo may stand between us and the command with a terminal of its own.
    const content = randomBytes(5_000_000);
    writeFileSync(source, content);
    const sha256 = createHash('sha256').update(content).digest('hex');
    const artefact = { source, path: '/opt/by-sudo', mode: '755', sha256, sizeBytes: content.length };
    await expect(host.putArtefact(artefact, never)).resolves.toBe('written');
    expect(questions).toHaveLength(1);
    const shown = await inBox(
      "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' '\\n'; journalctl --no-pager; cat /var/log/auth.log 2>/dev/null; true",
    );
    expect(shown).not.toContain(password);
  });

  test('leaves no process of root behind, whatever it was doing', async () => {
    const machine = await open({ user: 'free', become: 'sudo' });
    const flood = readCommand('machine', script('yes', []), { outputLimit: 10_000 });
    await expect(machine.read.runAll([flood], never)).rejects.toMatchObject({ code: 'host.output-limit' });
    await expect(machine.read.runAll([sh('echo fine')], never)).resolves.toMatchObject([{ stdout: 'fine\n' }]);
    await opened.pop()?.close();
    const left = (): Promise<string> =>
      inBox('ps -eo args | grep -E "^(yes|sudo)|IFS= read -r M" | grep -v grep; true');
    await until('all is gone', async () => (await left()) === '');
  });

  test.each([
    ['a wrong password', 'asked', async () => new Secret('wrong')],
    ['a password that nobody can be asked for', 'asked', undefined],
    ['no right to sudo', 'plain', async () => new Secret(password)],
  ])('with %s does not', async (_what, user, askPassword) => {
    const machine = await open({ user, become: 'sudo' }, askPassword === undefined ? {} : { askPassword });
    const error = await machine.read.runAll([sh('true')], never).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'host.sudo', details: { host: a } });
    expect(JSON.stringify(error)).not.toContain('keelson-password');
  });

  test('without sudo is told to use it', async () => {
    const machine = await open({ user: 'plain' });
    await expect(machine.read.runAll([sh('true')], never)).rejects.toMatchObject({ code: 'host.sudo' });
  });

  test.each(['fish-like', 'csh'])('is served by a login shell that is no POSIX shell: %s', async (kind) => {
    // Such shells understand single quotes and plain words, and little else that is alike.
    await box.writeFile(
      '/usr/local/bin/oddsh',
      kind === 'csh'
        ? '#!/bin/sh\ncase $2 in *\\!*|*\\\\*) exit 1;; esac; exec sh "$@"\n'
        : '#!/bin/sh\necho "Welcome to fish"; exec sh "$@"\n',
      0o755,
    );
    await box.exec(['usermod', '-s', '/usr/local/bin/oddsh', 'free']);
    const machine = await open({ user: 'free', become: 'sudo' });
    await expect(machine.read.runAll([sh('id -u')], never)).resolves.toMatchObject([{ stdout: '0\n' }]);
  });
});

describe('an odd machine', () => {
  test('with a /tmp that runs nothing, and a .bashrc that misbehaves but returns', async () => {
    await box.exec([
      'sh',
      '-c',
      'mount -t tmpfs -o noexec,size=1m tmpfs /tmp; cp /root/.bashrc /root/.bashrc.old; printf \'echo "\\033[31mhi\\007"; cd /nonexistent; PATH=; set -u\\n\' >/root/.bashrc',
    ]);
    try {
      const machine = await open();
      const { host } = await lockedRun(machine);
      await expect(host.run(long('echo fine'), never)).resolves.toMatchObject({ stdout: 'fine\n' });
      await expect(host.putFiles([{ path: '/etc/odd', content: 'x', mode: '644' }], never)).resolves.toEqual([
        'written',
      ]);
    } finally {
      await box.exec(['sh', '-c', 'umount /tmp; mv /root/.bashrc.old /root/.bashrc']);
    }
  });

  test.each([
    ['ends', 'exit 1'],
    ['prints without end', 'while :; do echo flood; done'],
    ['hangs', 'sleep 20'],
  ])('with a .bashrc that %s is named, and others are not held up', async (_what, text) => {
    await box.exec(['sh', '-c', 'cp /root/.bashrc /root/.bashrc.old; printf "%s\\n" "$1" >/root/.bashrc', 'sh', text]);
    try {
      const hosts = [target(), target({ id: hostId('b'), address: other.address })];
      const machines = await openMachines({ hosts, knownHostsFile, clock, timeouts: { shellMs: 3000 } });
      opened.push(machines);
      const broken = machines.connect(a, never).catch((e: unknown) => e);
      const begin = performance.now();
      await machines.get(hostId('b')).read.runAll([sh('true')], never);
      expect(performance.now() - begin).toBeLessThan(2500);
      expect(await broken).toMatchObject({ code: 'host.shell', details: { host: a } });
    } finally {
      await box.exec(['mv', '/root/.bashrc.old', '/root/.bashrc']);
    }
  });

  test('with a full disk keeps the old file, and is told apart from other failures', async () => {
    const machine = await open();
    const { host } = await lockedRun(machine);
    const mount = (await inBox("findmnt -rno TARGET,SOURCE | awk '/loop/ {print $1; exit}'")).trim();
    const path = `${mount}/keelson-test/file`;
    await host.putFiles([{ path, content: 'old', mode: '600' }], never);
    const source = join(folder, 'big');
    writeFileSync(source, Buffer.alloc(8_000_000, 'x'));
    const sha256 = createHash('sha256').update(Buffer.alloc(8_000_000, 'x')).digest('hex');
    await box.fillDisk({ leaveKiB: 256 });
    try {
      await expect(host.putFiles([{ path, content: 'n'.repeat(4_000_000), mode: '600' }], never)).rejects.toMatchObject(
        { code: 'host.disk-full' },
      );
      await expect(
        host.putArtefact(
          { source, path: `${mount}/keelson-test/big`, mode: '600', sha256, sizeBytes: 8_000_000 },
          never,
        ),
      ).rejects.toMatchObject({ code: 'host.disk-full' });
      expect(await inBox(`cat ${path}; ls -A ${mount}/keelson-test`)).toBe('oldfile\n');
    } finally {
      await box.freeDisk();
    }
    await expect(host.putFiles([{ path, content: 'new', mode: '600' }], never)).resolves.toEqual(['written']);
  });
});

describe('the way to a machine', () => {
  test('through a jump host', async () => {
    const machine = await open({ proxyJump: `root@${other.address}` });
    await expect(machine.read.runAll([sh('echo "$SSH_CLIENT"; hostname')], never)).resolves.toMatchObject([
      { stdout: '\nbox\n' },
    ]);
    expect(await inBox('ss -Htn state established sport = :22')).toContain(other.address);
  });

  test('a host key that was changed stops everything until it is recorded anew', async () => {
    const machine = await open();
    await machine.read.runAll([sh('true')], never);
    await opened.pop()?.close();
    await box.changeHostKey();
    await expect((await open()).read.runAll([sh('touch /canary')], never)).rejects.toMatchObject({
      code: 'host.key-changed',
    });
    const [scanned] = await scanHostKeys({ hosts: [target()], knownHostsFile }, never);
    if (scanned?.result.is !== 'seen') throw new Error('not seen');
    expect(scanned.result).toMatchObject({ recorded: 'changed', keys: [{ fingerprint: box.hostKeyFingerprint() }] });
    await recordHostKeys(
      knownHostsFile,
      scanned.result.keys.map((k) => k.knownHostsLine),
    );
    await expect((await open()).read.runAll([sh('true')], never)).resolves.toHaveLength(1);
    expect(await has('/canary')).toBe(false);
  });

  test('an unprivileged user who swaps files and links while keelson writes gains nothing', async () => {
    await box.addUser({ name: 'racer', sudo: 'none' });
    await box.exec([
      'sh',
      '-c',
      'mkdir -p /srv/theirs && chown racer /srv/theirs; printf "root only" >/root/victim; chmod 600 /root/victim',
    ]);
    const race =
      'cd /srv/theirs; while :; do ln -sfn /root d; rm -f d; mkdir d 2>/dev/null; ln -sf /root/victim d/f; rm -rf d; done';
    await box.exec(['systemd-run', '--unit=racer', '--uid=racer', 'sh', '-c', race]);
    try {
      const { host } = await lockedRun(await open());
      for (let round = 0; round < 100; round++) {
        await expect(
          host.putFiles([{ path: '/srv/theirs/d/f', content: 'secret', mode: '600' }], never),
        ).rejects.toMatchObject({ code: 'host.file-refused' });
      }
    } finally {
      await box.exec(['systemctl', 'stop', 'racer']);
    }
    expect(await inBox('cat /root/victim; ls -A /root | grep keelson; grep -rl secret /srv/theirs; true')).toBe(
      'root only',
    );
  });
});

test('a file of a hundred megabytes arrives in seconds', async () => {
  const { host } = await lockedRun(await open());
  const source = join(folder, 'large');
  const content = Buffer.alloc(100_000_000, 'keelson');
  writeFileSync(source, content);
  chmodSync(source, 0o400);
  const sha256 = createHash('sha256').update(content).digest('hex');
  const begin = performance.now();
  await host.putArtefact({ source, path: '/opt/large', mode: '644', sha256, sizeBytes: content.length }, never);
  expect(performance.now() - begin).toBeLessThan(10_000);
  expect(await inBox('sha256sum </opt/large')).toBe(`${sha256}  -\n`);
  console.info(`100 MB in ${Math.round(performance.now() - begin)} ms`);
});
