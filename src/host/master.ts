import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { KeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import { sshOptions } from './ssh-config.ts';
import { forwardFailure } from './ssh-failure.ts';
import type { Channel } from './start-shell.ts';

/** One connection to one machine, over which all else runs. */
export interface Master {
  readonly socket: string;
  readonly isAlive: () => boolean;
  /** What ssh has said, for messages. */
  readonly said: () => string;
  readonly ended: Promise<void>;
  /** Resolves when the connection has ended, at the latest soon: what failed on it may have failed because of that. */
  readonly mayHaveEnded: () => Promise<void>;
  /** The oldest reason, not yet taken, for which the far side could not open a forwarded connection. */
  readonly takeForwardFailure: () => { code: string; text: string } | undefined;
  readonly openChannel: (command: string) => Channel;
  readonly control: (action: 'forward', forward: string, signal: AbortSignal) => Promise<{ ok: boolean; text: string }>;
  readonly end: () => Promise<void>;
}

/**
 * A master must not outlive this process, not even when it is killed. Its lifeline is a pipe that we hold open: a small watcher reads
 * it, and when it ends without a word, ends ssh and removes the sockets. The shell becomes ssh itself, so that its process id is ours.
 */
const WATCH =
  'p=$$ d=$1; shift; (read -r w <&3 || { kill "$p"; rm -rf -- "$d"; }) </dev/null >/dev/null 2>&1 & exec 3<&-; exec "$@" </dev/null';

/** An older ssh does not know the option, and ends when it is given. */
const FORK_OPTION_SINCE = 8.7;
const POLL_MS = 4;
const KEPT = 8 * 1024;

export interface MasterOptions {
  host: HostId;
  program: string;
  /** Of the program: 9.2. */
  version: number;
  folder: string;
  socket: string;
  /** Everything up to the machine's name, which follows `--`. */
  options: readonly string[];
  address: string;
  deadlineMs: number;
}

/** Rejects with the text that ssh gave (as an Error), or with the signal's reason. */
export async function startMaster(options: MasterOptions, signal: AbortSignal): Promise<Master> {
  signal.throwIfAborted();
  const { program, folder, socket, address } = options;
  const master = {
    ControlMaster: 'yes',
    ControlPersist: 'no',
    ControlPath: socket.replaceAll('%', '%%'),
    // What a user's configuration may hold for this machine, and what would be in the way.
    PermitLocalCommand: 'no',
    RemoteCommand: 'none',
    ...(options.version >= FORK_OPTION_SINCE ? { ForkAfterAuthentication: 'no' } : {}),
  };
  const args = ['-N', '-T', '-a', '-x', ...sshOptions(master), ...options.options, '--', address];
  const child = spawn('/bin/sh', ['-c', WATCH, 'sh', folder, program, ...args], {
    // A session of its own: Ctrl-C in a terminal reaches only us, and we decide.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  const log = collectLog(child);
  const lifeline = child.stdio[3] as Duplex;
  lifeline.on('error', () => undefined);
  lifeline.resume();
  let alive = true;
  const ended = new Promise<void>((resolve) => {
    const onEnd = (): void => {
      if (!alive) return;
      alive = false;
      // A word, so that the watcher ends and kills nobody: the process id may soon be another's.
      lifeline.end('\n');
      resolve();
    };
    child.once('exit', onEnd);
    child.once('error', onEnd);
  });
  const end = async (): Promise<void> => {
    if (alive) child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 2000);
    await ended;
    clearTimeout(late);
  };

  const startedAt = performance.now();
  while (!existsSync(socket)) {
    const late = performance.now() - startedAt > options.deadlineMs;
    if (!alive || late || signal.aborted) {
      await end();
      // The last words may come after the end of the process.
      await log.ended;
      signal.throwIfAborted();
      throw new SshFailed(late ? `${log.text()}\nConnection timed out` : log.text());
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }

  const base = [
    '-F',
    'none',
    '-S',
    socket.replaceAll('%', '%%'),
    '-o',
    'ControlMaster=no',
    '-o',
    'ProxyCommand=false',
    '-o',
    'LogLevel=ERROR',
    '-T',
    '-a',
    '-x',
  ];
  const mayHaveEnded = (): Promise<void> =>
    Promise.race([ended, new Promise<void>((resolve) => setTimeout(resolve, TOGETHER_MS).unref())]);
  return {
    socket,
    isAlive: () => alive,
    mayHaveEnded,
    said: log.text,
    ended,
    takeForwardFailure: log.takeForwardFailure,
    // The name only has to be there: the socket leads to the machine, and without the socket nothing is contacted.
    openChannel: (command) => spawnChannel(program, [...base, '--', 'machine', command], mayHaveEnded),
    control: (action, forward, abort) =>
      runControl(program, [...base, '-O', action, '-L', forward, '--', 'machine'], abort),
    end,
  };
}

/** ssh ended before the machine was logged in to; the message is all it printed. */
export class SshFailed extends Error {
  override readonly name = 'SshFailed';
}

function collectLog(child: ChildProcess) {
  let text = '';
  let line = '';
  const failures: { code: string; text: string }[] = [];
  child.stderr?.on('data', (chunk: Buffer) => {
    const added = chunk.toString('utf8');
    text = (text + added).slice(-KEPT);
    const lines = (line + added).split('\n');
    line = (lines.pop() ?? '').slice(-KEPT);
    for (const complete of lines) {
      const failure = forwardFailure(complete);
      if (failure !== null) failures.push(failure);
      if (failures.length > 100) failures.shift();
    }
  });
  const ended = new Promise<void>((resolve) => {
    child.stderr?.once('close', resolve);
    child.once('exit', () => setTimeout(resolve, 200).unref());
  });
  return { text: () => text, ended, takeForwardFailure: () => failures.shift() };
}

/** ssh's own exit code for whatever goes wrong with it; a command may give it, too. */
const SSH_FAILED = 255;
const TOGETHER_MS = 500;

/**
 * A session on the connection: one command for the login shell. When the connection ends, the session may end a moment before: then its
 * end is told after that of the connection, so that one can be told from the other.
 */
function spawnChannel(program: string, args: readonly string[], mayHaveEnded: () => Promise<void>): Channel {
  const child = spawn(program, args, { detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<{ exitCode: number | null }>((resolve) => {
    child.once('close', (exitCode) => {
      if (exitCode !== SSH_FAILED) resolve({ exitCode });
      else void mayHaveEnded().then(() => resolve({ exitCode }));
    });
    child.once('error', () => resolve({ exitCode: null }));
  });
  child.stdin.on('error', () => undefined);
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    ended,
    kill: () => {
      child.kill('SIGKILL');
      child.stdin.destroy();
      child.stdout.destroy();
      child.stderr.destroy();
    },
  };
}

function runControl(
  program: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<{ ok: boolean; text: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      signal,
      timeout: 10_000,
    });
    let text = '';
    child.stderr.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString('utf8')).slice(-KEPT);
    });
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ ok: exitCode === 0, text }));
  });
}

const OLDEST = 8;

/** The version of the OpenSSH client; rejects when the computer has none, or one that is too old. */
export async function checkProgram(program: string): Promise<number> {
  const version = await new Promise<string>((resolve) => {
    const child = spawn(program, ['-V'], { stdio: ['ignore', 'ignore', 'pipe'] });
    let text = '';
    child.stderr.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
    });
    child.once('error', () => resolve(''));
    child.once('close', () => resolve(text));
  });
  const number = Number(/OpenSSH\D*_(\d+\.\d+)/.exec(version)?.[1] ?? 0);
  if (number >= OLDEST) return number;
  throw new KeelsonError(
    'host.ssh-client',
    version === ''
      ? `there is no program ${program} on this computer`
      : `${program} is not OpenSSH ${OLDEST}.0 or newer`,
  );
}
