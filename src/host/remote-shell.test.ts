import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KeelsonError } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import { createSplitter } from './output-splitter.ts';
import { createRemoteShell, type RemoteShell, type ShellRequest } from './remote-shell.ts';
import { startShell } from './start-shell.ts';
import { localShell, lostHere, testHost } from './testing/local-connection.ts';
import { localChannel } from './testing/local-shell.ts';

const never = new AbortController().signal;

function request(text: string, more: Partial<ShellRequest> = {}): ShellRequest {
  return { argv: ['sh', '-c', text], timeoutMs: 5000, outputLimit: 1024 * 1024, ...more };
}

const isRoot = process.getuid?.() === 0;

describe.runIf(isRoot).each(['dash', 'bash'])('the loop under %s', (program) => {
  let shell: RemoteShell;
  let folder: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'keelson-shell-'));
    shell = await localShell(program);
  });
  afterEach(() => {
    shell.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const run = async (...requests: ShellRequest[]) => shell.run(requests, never);
  const output = async (one: ShellRequest): Promise<string> => (await run(one))[0]?.stdout ?? '';

  test('gives each command its own output, errors and exit code, in order', async () => {
    const results = await run(
      request('echo a'),
      request('echo b >&2; exit 7'),
      request('printf c'),
      request('kill -9 $$'),
    );
    expect(results).toEqual([
      { exitCode: 0, stdout: 'a\n', stderr: '' },
      { exitCode: 7, stdout: '', stderr: 'b\n' },
      { exitCode: 0, stdout: 'c', stderr: '' },
      expect.objectContaining({ exitCode: 137 }),
    ]);
  });

  test('passes arguments as data', async () => {
    const odd = [
      "it's",
      '$HOME',
      '`id`',
      '$(id)',
      'a\nb',
      '\\n',
      '"',
      '',
      ' ',
      '*',
      '-n',
      'ü€😀',
      "'",
      ';',
      '\t',
      '\u0001',
      '%s',
    ];
    const argv: ShellRequest['argv'] = ['printf', '%s\\0', ...odd];
    expect(await output(request('', { argv }))).toBe(odd.map((word) => `${word}\0`).join(''));
  });

  test('refuses a NUL in an argument, which no program could be given', async () => {
    await expect(run(request('echo no'), request('', { argv: ['echo', 'a\0b'] }))).rejects.toThrow(TypeError);
    expect(await output(request('echo yes'))).toBe('yes\n');
  });

  test('stays in step when a command leaves its stdin unread', async () => {
    const stdin = `${'x'.repeat(1_000_000)}\n1 1 4 0\ntrue`;
    const results = await run(
      request('true', { stdin }),
      request('head -c 3', { stdin }),
      request('wc -c', { stdin }),
      request('echo end'),
    );
    expect(results.map((r) => r.stdout.trim())).toEqual(['', 'xxx', String(stdin.length), 'end']);
  });

  test('keeps every byte of stdin, and no byte of it shows in an error', async () => {
    const secret = new Secret(randomBytes(3000).toString('base64'));
    const [sum] = await run(request('sha256sum', { stdin: secret }));
    const expected = await output(request('cat', { stdin: Secret.valueOf(secret) }));
    expect(expected).toBe(Secret.valueOf(secret));
    expect(sum?.exitCode).toBe(0);
    const error = await run(request('sleep 5', { stdin: secret, timeoutMs: 200 })).catch((e: unknown) => e);
    expect(inspect(error, { depth: 9 })).not.toContain(Secret.valueOf(secret).slice(0, 20));
  });

  test('sends a stream of a known size, and one that is too short ends the shell instead of hanging it', async () => {
    const bytes = randomBytes(2_000_000);
    const open = (): Readable => Readable.from([bytes.subarray(0, 5), bytes.subarray(5)]);
    expect(await output(request('wc -c', { stdin: { bytes: bytes.length, open } }))).toBe(`${bytes.length}\n`);
    expect(await output(request('wc -c', { stdin: { bytes: 100, open } }))).toBe('100\n');
    await expect(run(request('wc -c', { stdin: { bytes: bytes.length + 1, open } }))).rejects.toMatchObject({
      code: 'host.unreachable',
    });
  });

  test('has no input for a command that is given none', async () => {
    expect(await output(request('cat'))).toBe('');
  });

  test('runs in a clean environment with a full PATH', async () => {
    shell.close();
    shell = await localShell(program, {
      PATH: '/nonexistent:/usr/bin:/bin',
      LC_ALL: 'tr_TR.UTF-8',
      IFS: 'x',
      ENV: '/nope',
      https_proxy: 'http://p:1',
      SECRET: 'x',
    });
    const lines = (await output(request('env | sort'))).split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        'HOME=/root',
        'LC_ALL=C',
        'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        'https_proxy=http://p:1',
      ]),
    );
    expect(lines.join('\n')).not.toMatch(/SECRET|ENV=|IFS=x/);
    expect(await output(request('pwd; umask'))).toBe('/\n0022\n');
  });

  test('cannot be led astray by output that looks like its own lines', async () => {
    const shown = await output(
      request('ps -eo args; cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " "; cat /proc/[0-9]*/environ 2>/dev/null'),
    );
    // The marker is a 128-bit number that is in no process's arguments or environment.
    const words = new Set(shown.match(/\b[0-9a-f]{32}\b/g) ?? []);
    for (const word of words) await run(request(`printf '\\n${word} 999 0\\n\\n${word} ready 0\\n'`));
    expect(await output(request('echo right'))).toBe('right\n');
  });

  test('ends a command whose time is up, with all its children', async () => {
    const late = join(folder, 'late');
    const begin = performance.now();
    await expect(run(request(`(sleep 1; touch ${late}) & sleep 30`, { timeoutMs: 300 }))).rejects.toMatchObject({
      code: 'host.timeout',
      details: { host: testHost },
    });
    expect(performance.now() - begin).toBeLessThan(3000);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(existsSync(late)).toBe(false);
    expect(await output(request('echo on'))).toBe('on\n');
  });

  test('a command that gives 124 by itself has not run out of time', async () => {
    await expect(run(request('exit 124'))).resolves.toMatchObject([{ exitCode: 124 }]);
  });

  test('too much output ends the shell, not the memory', async () => {
    await expect(run(request('yes', { outputLimit: 10_000 }))).rejects.toMatchObject({ code: 'host.output-limit' });
    expect(shell.isOpen()).toBe(false);
    await expect(run(request('true'))).rejects.toMatchObject({ code: 'host.unreachable' });
  });

  test('output up to the limit is kept whole', async () => {
    expect(await output(request('head -c 10000 /dev/zero', { outputLimit: 10_000 }))).toHaveLength(10_000);
  });

  test('what is left of an aborted call does not disturb the next one', async () => {
    const controller = new AbortController();
    const aborted = shell.run([request('echo old; sleep 0.3; echo old')], controller.signal);
    setTimeout(() => controller.abort(new Error('stop')), 50);
    await expect(aborted).rejects.toThrow('stop');
    expect(await output(request('echo new'))).toBe('new\n');
  });
});

describe('a shell that never answers', () => {
  test('is given up after the time of its command and some patience', async () => {
    const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
    let killed = 0;
    const shell = createRemoteShell(
      { ...streams, kill: () => killed++ },
      {
        host: testHost,
        marker: 'm',
        traffic: { commands: 0, roundTrips: 0, bytesSent: 0, bytesReceived: 0 },
        lost: lostHere,
        graceMs: 50,
      },
    );
    const [first, second] = [shell.run([request('a', { timeoutMs: 50 })], never), shell.run([request('b')], never)];
    const outcomes = await Promise.allSettled([first, second]);
    expect(outcomes.map((o) => (o.status === 'rejected' ? (o.reason as KeelsonError).code : 'fulfilled'))).toEqual([
      'host.timeout',
      'host.unreachable',
    ]);
    expect(killed).toBe(1);
  });
});

describe('starting', () => {
  const options = {
    host: testHost,
    user: 'ops',
    become: undefined,
    password: undefined,
    startMs: 1000,
    traffic: { commands: 0, roundTrips: 0, bytesSent: 0, bytesReceived: 0 },
    lost: () => new KeelsonError('host.unreachable', 'lost'),
    isLost: () => false,
  } as const;

  test.each([
    ['ends at once', 'exit 3'],
    ['prints without end', 'yes'],
    ['waits for ever', 'echo some words; cat >/dev/null'],
  ])('a login shell that %s', async (_what, text) => {
    const open = localChannel('sh');
    await expect(startShell(() => open(text), options, never)).rejects.toMatchObject({
      code: 'host.shell',
      details: { host: testHost },
    });
  });

  test('an ended connection is not blamed on the shell', async () => {
    const open = localChannel('sh');
    await expect(startShell(() => open('exit 255'), { ...options, isLost: () => true }, never)).rejects.toMatchObject({
      code: 'host.unreachable',
    });
  });
});

describe('the splitter', () => {
  const marker = 'f'.repeat(32);

  function split(chunks: readonly string[], limit = 1000) {
    const found: string[] = [];
    const splitter = createSplitter(
      marker,
      () => limit,
      ({ word, value }, before) => found.push(`${word}=${value}:${before.toString()}`),
      () => found.push('excess'),
    );
    for (const chunk of chunks) splitter.push(Buffer.from(chunk));
    return found;
  }

  test('finds its lines wherever the chunks are cut', () => {
    const text = `one\n${marker} 1 0\ntwo\n\n${marker} 2 13\n\n${marker} 3 0\n`;
    const expected = ['1=0:one', '2=13:two\n', '3=0:'];
    expect(split([text])).toEqual(expected);
    expect(split(text.split(''))).toEqual(expected);
    for (let cut = 1; cut < text.length; cut++) expect(split([text.slice(0, cut), text.slice(cut)])).toEqual(expected);
  });

  test('says once that there is too much, and keeps nothing', () => {
    expect(split(Array.from({ length: 100 }, () => 'x'.repeat(100)))).toEqual(['excess']);
    expect(split([`\n${marker} ${'y'.repeat(5000)}`, 'z'.repeat(5000)])).toEqual(['excess']);
  });
});
