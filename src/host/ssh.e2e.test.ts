import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type HostId, hostId } from '../model/ids.ts';
import type { Clock } from '../ports/clock.ts';
import { readCommand, script } from '../ports/command.ts';
import { scanHostKeys } from './host-keys.ts';
import { recordHostKeys } from './known-hosts.ts';
import { type Machines, type MachinesOptions, openMachines } from './machines.ts';
import type { SshTarget } from './ssh-target.ts';
import { freePort, startSshd, type TestSshd } from './testing/sshd.ts';

const never = new AbortController().signal;
const a = hostId('a');
const clock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};
const sh = (text: string, options: { timeoutMs?: number; outputLimit?: number } = {}) =>
  readCommand('machine', script(text, []), options);

let folder: string;
let sshd: TestSshd;
let knownHostsFile: string;
const opened: Machines[] = [];

beforeEach(async () => {
  // Blanks and percent signs mean something to ssh.
  folder = mkdtempSync(join(tmpdir(), 'keelson e2e %h-'));
  sshd = await startSshd();
  knownHostsFile = join(folder, 'known_hosts');
  writeFileSync(knownHostsFile, `${sshd.knownHostsLine()}\n`);
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((machines) => machines.close()));
  await sshd.stop();
  rmSync(folder, { recursive: true, force: true });
});

function target(id: HostId = a, more: Partial<SshTarget> = {}): SshTarget {
  return { id, address: '127.0.0.1', user: 'root', port: sshd.port, identityFile: sshd.identityFile, ...more };
}

async function open(hosts: readonly SshTarget[] = [target()], more: Partial<MachinesOptions> = {}): Promise<Machines> {
  const machines = await openMachines({ hosts, knownHostsFile, clock, ...more });
  opened.push(machines);
  return machines;
}

/** Private folders of this process. */
function privateFolders(): string[] {
  const base = process.env.XDG_RUNTIME_DIR ?? '/tmp';
  return readdirSync(base).filter((name) => name.startsWith(`keelson-${process.pid}-`));
}

function sshProcesses(port: number): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    })
    .filter((line) => line.includes(`-p ${port} `));
}

async function until(what: string, check: () => boolean, limitMs = 10_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!check()) {
    if (performance.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('a connection', () => {
  test('runs many commands in one round trip over one connect', async () => {
    const machines = await open();
    const { read } = machines.get(a);
    const results = await read.runAll([sh('echo one'), sh('echo two >&2; exit 3'), sh('id -u')], never);
    expect(results).toEqual([
      { exitCode: 0, stdout: 'one\n', stderr: '' },
      { exitCode: 3, stdout: '', stderr: 'two\n' },
      { exitCode: 0, stdout: '0\n', stderr: '' },
    ]);
    expect(machines.counts()).toMatchObject({ connects: 1, roundTrips: 1, commands: 3 });
  });

  test('leaves no process and no folder behind', async () => {
    const machines = await open();
    await machines.connect(a, never);
    expect(privateFolders()).toHaveLength(1);
    // ssh itself, and the watcher that ends it when we are gone.
    expect(sshProcesses(sshd.port)).toHaveLength(2);
    await machines.close();
    expect(sshProcesses(sshd.port)).toEqual([]);
    expect(privateFolders()).toEqual([]);
  });

  test('is made again after its ssh was killed, and a command that was running is reported as lost', async () => {
    const machines = await open();
    const { read } = machines.get(a);
    const marker = join(folder, 'started');
    const running = read.runAll([sh(`touch '${marker}'; sleep 5`)], never);
    const outcome = expect(running).rejects.toMatchObject({ code: 'host.unreachable', details: { host: a } });
    await until('the command runs', () => existsSync(marker));
    for (const pid of execFileSync('pgrep', ['-f', `^ssh .*-p ${sshd.port} `], { encoding: 'utf8' })
      .trim()
      .split('\n')) {
      process.kill(Number(pid), 'SIGKILL');
    }
    await outcome;
    await expect(read.runAll([sh('echo back')], never)).resolves.toMatchObject([{ stdout: 'back\n' }]);
    expect(machines.counts().connects).toBe(2);
  });

  test('does not run what was queued behind a command when the connection ends', async () => {
    const machines = await open();
    const { read } = machines.get(a);
    const [started, later] = [join(folder, 'started'), join(folder, 'later')];
    const first = read.runAll([sh(`touch '${started}'; sleep 1`)], never);
    const second = read.runAll([sh(`touch '${later}'`)], never);
    const outcomes = Promise.allSettled([first, second]);
    await until('the command runs', () => existsSync(started));
    await machines.close();
    expect((await outcomes).map((o) => o.status)).toEqual(['rejected', 'rejected']);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(existsSync(later)).toBe(false);
  });

  test('an endless output ends its command alone, in bounded memory', async () => {
    const machines = await open();
    const { read } = machines.get(a);
    const before = process.memoryUsage().rss;
    await expect(read.runAll([sh('cat /dev/zero', { outputLimit: 100_000 })], never)).rejects.toMatchObject({
      code: 'host.output-limit',
    });
    await expect(read.runAll([sh('yes >&2', { outputLimit: 100_000 })], never)).rejects.toMatchObject({
      code: 'host.output-limit',
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
    await expect(read.runAll([sh('echo fine')], never)).resolves.toMatchObject([{ stdout: 'fine\n' }]);
    // The connection itself was kept.
    expect(machines.counts().connects).toBe(1);
  });

  test('what others asked meanwhile is answered all the same', async () => {
    const machines = await open();
    const { read } = machines.get(a);
    const flood = read.runAll([sh('sleep 0.3; yes', { outputLimit: 10_000 })], never).catch((e: unknown) => e);
    const other = read.runAll([sh('echo fine')], never);
    expect(await flood).toMatchObject({ code: 'host.output-limit' });
    await expect(other).resolves.toMatchObject([{ stdout: 'fine\n' }]);
  });

  test('many that ask at once share one attempt', async () => {
    const machines = await open([target(a, { port: await freePort() })]);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 5 }, () => machines.get(a).read.runAll([sh('true')], never)),
    );
    expect(outcomes.map((o) => o.status)).toEqual(Array.from({ length: 5 }, () => 'rejected'));
    expect(machines.counts().connects).toBe(1);
  });

  test('a command that hangs is ended on the machine, and the shell goes on', async () => {
    const machines = await open();
    const { read } = machines.get(a);
    await expect(read.runAll([sh('sleep 98765', { timeoutMs: 400 })], never)).rejects.toMatchObject({
      code: 'host.timeout',
    });
    await expect(read.runAll([sh('pgrep -fx "sleep 98765"')], never)).resolves.toMatchObject([{ exitCode: 1 }]);
    expect(machines.counts().connects).toBe(1);
  });

  test('an abort rejects at once with its reason', async () => {
    const machines = await open();
    const controller = new AbortController();
    const running = machines.get(a).read.runAll([sh('sleep 1')], controller.signal);
    const reason = new Error('enough');
    setTimeout(() => controller.abort(reason), 100);
    await expect(running).rejects.toBe(reason);
    await expect(machines.get(a).read.runAll([sh('echo on')], never)).resolves.toMatchObject([{ stdout: 'on\n' }]);
  });
});

describe('what a login shell may do', () => {
  const loginShell = (text: string): string[] => [`ForceCommand ${text}; exec sh -c "$SSH_ORIGINAL_COMMAND"`];

  test.each([
    ['prints a greeting', 'echo Welcome; echo "\u001b[31mred"; printf "no newline"'],
    ['prints to stderr', 'echo oops >&2'],
    ['has a tiny PATH', 'PATH=/nonexistent:/bin; export PATH'],
    ['has no HOME', 'unset HOME'],
    [
      'has an odd environment',
      'IFS=/; export IFS ENV=/nonexistent BASH_ENV=/nonexistent LC_ALL=tr_TR.UTF-8 POSIXLY_CORRECT=1',
    ],
    ['is slow', 'sleep 1'],
  ])('one that %s works', async (_what, text) => {
    await sshd.restart(loginShell(text));
    const machines = await open();
    const [result] = await machines.get(a).read.runAll([sh('echo "$PATH"; echo clean >&2')], never);
    expect(result).toMatchObject({ exitCode: 0, stderr: 'clean\n' });
    expect(result?.stdout).toMatch(/^\/usr\/local\/sbin:.*\/bin\n$/);
  });

  test.each([
    ['ends', 'echo "bye \u001b[31mnow\u0007"; exit 1', 'bye now'],
    ['floods', 'while :; do echo flood; done', 'flood'],
    ['hangs', 'echo stuck; sleep 3', 'stuck'],
  ])('one that %s is named with its last words', async (_what, text, words) => {
    await sshd.restart(loginShell(text));
    const machines = await open(undefined, { timeouts: { shellMs: 1500 } });
    const error = await machines.connect(a, never).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'host.shell', details: { output: expect.stringContaining(words) } });
    expect(JSON.stringify(error)).not.toMatch(/\\u001b|\\u0007|keelson-hello/);
  });
});

describe('host keys', () => {
  test('one that is not recorded is refused', async () => {
    rmSync(knownHostsFile);
    const machines = await open();
    await expect(machines.connect(a, never)).rejects.toMatchObject({ code: 'host.key-unknown', details: { host: a } });
    expect(existsSync(knownHostsFile)).toBe(false);
  });

  test('one that has changed is a hard stop', async () => {
    await sshd.restart([], { newHostKey: true });
    const machines = await open();
    await expect(machines.connect(a, never)).rejects.toMatchObject({ code: 'host.key-changed' });
  });

  test('scanned, shown as ssh-keygen shows them, and recorded', async () => {
    rmSync(knownHostsFile);
    const scan = () => scanHostKeys({ hosts: [target()], knownHostsFile }, never);
    const [seen] = await scan();
    expect(seen).toMatchObject({
      host: a,
      result: {
        is: 'seen',
        recorded: 'unknown',
        matches: undefined,
        keys: [{ type: 'ssh-ed25519', fingerprint: sshd.fingerprint() }],
      },
    });
    // Looking is not recording.
    expect(existsSync(knownHostsFile)).toBe(false);
    if (seen?.result.is !== 'seen') throw new Error('not seen');
    await recordHostKeys(
      knownHostsFile,
      seen.result.keys.map((k) => k.knownHostsLine),
    );
    const machines = await open();
    await machines.connect(a, never);
    expect((await scan())[0]?.result).toMatchObject({ recorded: 'same' });

    await sshd.restart([], { newHostKey: true });
    expect((await scan())[0]?.result).toMatchObject({ recorded: 'changed' });
    expect(privateFolders()).toHaveLength(1);
  });

  test('are compared with the expected fingerprint', async () => {
    const other = `SHA256:${'A'.repeat(43)}`;
    const hosts = [target(a, { hostKey: sshd.fingerprint() }), target(hostId('b'), { hostKey: other })];
    const scanned = await scanHostKeys({ hosts, knownHostsFile }, never);
    expect(scanned.map((s) => s.result.is === 'seen' && s.result.matches)).toEqual([true, false]);
  });

  test('an expected fingerprint holds at each connect, also against the record', async () => {
    await (await open([target(a, { hostKey: sshd.fingerprint() })])).connect(a, never);
    const machines = await open([target(a, { hostKey: `SHA256:${'A'.repeat(43)}` })]);
    await expect(machines.connect(a, never)).rejects.toMatchObject({ code: 'host.key-changed' });
    expect(machines.counts().bytesSent).toBe(0);
  });

  test('of a machine that is not there', async () => {
    const port = await freePort();
    const [scanned] = await scanHostKeys({ hosts: [target(a, { port })], knownHostsFile }, never);
    expect(scanned?.result).toMatchObject({ is: 'failed', error: { code: 'host.unreachable' } });
  });
});

describe('failures to connect', () => {
  test('nothing listens', async () => {
    const port = await freePort();
    const machines = await open([target(a, { port })]);
    await expect(machines.connect(a, never)).rejects.toMatchObject({
      code: 'host.unreachable',
      message: expect.stringContaining(`root@127.0.0.1:${port}`),
    });
  });

  test('nothing answers', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const { port } = silent.address() as { port: number };
    const machines = await open([target(a, { port })], { timeouts: { connectMs: 1000 } });
    await expect(machines.connect(a, never)).rejects.toMatchObject({ code: 'host.unreachable' });
    silent.close();
  });

  test('the key is not accepted', async () => {
    const other = join(folder, 'other');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', other]);
    const machines = await open([target(a, { identityFile: other })]);
    await expect(machines.connect(a, never)).rejects.toMatchObject({ code: 'host.auth', details: { host: a } });
  });

  test('what ssh could take for an option never reaches it', async () => {
    const canary = join(folder, 'canary');
    const evil = `-oProxyCommand=touch ${canary}`;
    for (const more of [
      { address: evil },
      { user: evil },
      { proxyJump: evil },
      { identityFile: evil },
      { address: `$(touch ${canary})` },
    ]) {
      await expect(open([target(a, more)])).rejects.toMatchObject({ code: 'internal' });
    }
    expect(existsSync(canary)).toBe(false);
  });
});

describe('many machines', () => {
  test('thirty connects at once do not trouble an sshd with its default limits', async () => {
    const ids = Array.from({ length: 30 }, (_, n) => hostId(`h${n}`));
    const machines = await open(ids.map((id) => target(id)));
    await Promise.all(ids.map((id) => machines.connect(id, never)));
    expect(machines.counts().connects).toBe(30);
    expect(sshd.log()).not.toMatch(/MaxStartups|drop connection/);
  });

  test('connects that sshd drops are tried again', async () => {
    await sshd.restart(['MaxStartups 2:100:3']);
    const ids = Array.from({ length: 6 }, (_, n) => hostId(`h${n}`));
    const machines = await open(ids.map((id) => target(id)));
    await Promise.all(ids.map((id) => machines.connect(id, never)));
    expect(machines.counts().connects).toBeGreaterThan(6);
  });

  test('are reached through a jump host, whose own key is held to the same rules', async () => {
    const jump = await startSshd();
    try {
      const more = { proxyJump: `root@127.0.0.1:${jump.port}` };
      const hosts = [target(a, more)];
      // The key file is the target's; the jump host accepts it, too.
      writeFileSync(join(jump.folder, 'id.pub'), readFileSync(`${sshd.identityFile}.pub`));
      await expect((await open(hosts)).connect(a, never)).rejects.toMatchObject({ code: 'host.key-unknown' });

      const first = await scanHostKeys({ hosts, knownHostsFile }, never);
      expect(first.map((s) => [s.host, s.result.is])).toEqual([
        [null, 'seen'],
        [a, 'failed'],
      ]);
      const found = first[0]?.result;
      if (found?.is !== 'seen') throw new Error('not seen');
      await recordHostKeys(
        knownHostsFile,
        found.keys.map((k) => k.knownHostsLine),
      );
      const second = await scanHostKeys({ hosts, knownHostsFile }, never);
      expect(second[1]?.result).toMatchObject({
        is: 'seen',
        recorded: 'same',
        keys: [{ fingerprint: sshd.fingerprint() }],
      });

      const machines = await open(hosts);
      await expect(machines.get(a).read.runAll([sh('echo through')], never)).resolves.toMatchObject([
        { stdout: 'through\n' },
      ]);
      await jump.restart([], { newHostKey: true });
      await expect((await open(hosts)).connect(a, never)).rejects.toMatchObject({ code: 'host.key-changed' });
    } finally {
      await jump.stop();
    }
  });
});

describe('dial', () => {
  test('carries bytes both ways, on a socket that nobody else may open', async () => {
    const server = createServer((socket) => socket.on('data', (data) => socket.end(`got ${data.toString()}`))).listen(
      0,
      '127.0.0.1',
    );
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const machines = await open();
    const dial = async (): Promise<string> => {
      const stream = await machines.get(a).dial('127.0.0.1', port, never);
      stream.write('hello');
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString();
    };
    await expect(Promise.all([dial(), dial()])).resolves.toEqual(['got hello', 'got hello']);
    const base = join(process.env.XDG_RUNTIME_DIR ?? '/tmp', privateFolders()[0] ?? '');
    const modes = execFileSync('find', [base, '-type', 's', '-printf', '%m\n'], { encoding: 'utf8' })
      .trim()
      .split('\n');
    expect([...new Set(modes)]).toEqual(['600']);
    server.close();
  });

  test('says that nobody listens there', async () => {
    const machines = await open();
    const port = await freePort();
    const stream = await machines.get(a).dial('127.0.0.1', port, never);
    await expect(new Promise((_resolve, reject) => stream.once('error', reject))).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
  });

  test('says that sshd does not allow it', async () => {
    await sshd.restart(['AllowTcpForwarding no']);
    const machines = await open();
    const stream = await machines.get(a).dial('127.0.0.1', 1, never);
    await expect(new Promise((_resolve, reject) => stream.once('error', reject))).rejects.toMatchObject({
      code: 'EACCES',
    });
  });

  test('carries a megabyte unharmed', async () => {
    const sent = Buffer.alloc(1_000_000, 'abcdefghij');
    const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const machines = await open();
    const stream = await machines.get(a).dial('127.0.0.1', (server.address() as { port: number }).port, never);
    stream.write(sent);
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of stream) {
      chunks.push(chunk as Buffer);
      size += (chunk as Buffer).length;
      if (size >= sent.length) break;
    }
    expect(Buffer.concat(chunks).equals(sent)).toBe(true);
    server.close();
  });
});

describe('the end of the tool', () => {
  test('SIGKILL leaves no ssh, no shell and no folder', async () => {
    const program = join(folder, 'tool.ts');
    writeFileSync(
      program,
      [
        `import { openMachines } from ${JSON.stringify(join(import.meta.dirname, 'machines.ts'))};`,
        `const clock = { now: () => new Date(), monotonicMs: () => performance.now(), sleep: async () => undefined };`,
        `const machines = await openMachines({ hosts: [${JSON.stringify(target())}], knownHostsFile: ${JSON.stringify(knownHostsFile)}, clock });`,
        `const machine = await machines.connect('a', new AbortController().signal);`,
        `(await machine.dial('127.0.0.1', ${sshd.port}, new AbortController().signal)).on('error', () => undefined);`,
        `console.log('ready');`,
        'setInterval(() => undefined, 1000);',
      ].join('\n'),
    );
    const tool = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve, reject) => {
      tool.stdout.once('data', resolve);
      tool.once('exit', () => reject(new Error('the tool ended')));
    });
    const base = process.env.XDG_RUNTIME_DIR ?? '/tmp';
    const own = (): string[] => readdirSync(base).filter((name) => name.startsWith(`keelson-${tool.pid}-`));
    expect(own()).toHaveLength(1);
    // ssh itself, and the watcher that ends it when we are gone.
    expect(sshProcesses(sshd.port)).toHaveLength(2);
    tool.kill('SIGKILL');
    await until('everything is gone', () => own().length === 0 && sshProcesses(sshd.port).length === 0);
    const sessions = (): string => execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
    await until('the shell on the machine has ended', () => !sessions().includes('IFS= read -r M'));
  });
});
