import { randomBytes } from 'node:crypto';
import { KeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import { reveal } from '../model/reveal.ts';
import type { Secret } from '../model/secret.ts';
import { plainText } from '../model/text.ts';
import { createSplitter } from './output-splitter.ts';
import { createRemoteShell, type RemoteShell, type ShellStreams, type ShellTraffic } from './remote-shell.ts';
import { bootstrap } from './shell-loop.ts';

/** Runs one command by a machine's login shell. `ended` resolves when its streams have closed. */
export interface Channel extends ShellStreams {
  readonly ended: Promise<{ exitCode: number | null }>;
}

export interface StartOptions {
  host: HostId;
  /** Logs in; the name is used in messages. */
  user: string;
  become: 'sudo' | undefined;
  /** Asked only when sudo wants it. Undefined when nobody can be asked. */
  password: (() => Promise<Secret>) | undefined;
  startMs: number;
  traffic: ShellTraffic;
  lost: () => KeelsonError;
  /** True when the way to the machine is gone, so that an ended channel says nothing about its shell. */
  isLost: () => boolean;
  graceMs?: number;
}

/** A login shell may print a greeting, not a flood. */
const CHATTER_LIMIT = 1024 * 1024;
const TAIL = 2000;

/** Starts the loop through whatever the login shell is, as root. Rejects with `host.shell`, `host.sudo` or what `lost` says. */
export async function startShell(
  open: (command: string) => Channel,
  options: StartOptions,
  signal: AbortSignal,
): Promise<RemoteShell> {
  signal.throwIfAborted();
  const marker = randomBytes(16).toString('hex');
  const start = bootstrap(randomBytes(8).toString('hex'), marker, options.become);
  const channel = open(start.command);
  const uid = await waitForReady(channel, start, marker, options, signal);
  if (uid !== '0') {
    channel.kill();
    throw new KeelsonError('host.sudo', `${options.user} on ${options.host} is not root`, {
      host: options.host,
      action: 'Log in as root, or set become: sudo for this machine.',
    });
  }
  return createRemoteShell(channel, {
    host: options.host,
    marker,
    traffic: options.traffic,
    lost: options.lost,
    ...(options.graceMs === undefined ? {} : { graceMs: options.graceMs }),
  });
}

function waitForReady(
  channel: Channel,
  start: ReturnType<typeof bootstrap>,
  marker: string,
  options: StartOptions,
  signal: AbortSignal,
): Promise<string> {
  const { host, user, become } = options;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let ready = 0;
  let greetings = 0;
  let asked = 0;
  let opened = false;
  let timer: NodeJS.Timeout | undefined;
  // What came as text, for the words that come before the marked lines, and to show when it goes wrong.
  const seen = { stdout: '', stderr: '' };

  const onLine = ({ word, value }: { word: string; value: string }): void => {
    if (word === 'ready' && ++ready === 2) resolve(value);
  };
  const flood = (): void => fail('it prints without end');
  const out = createSplitter(marker, () => CHATTER_LIMIT, onLine, flood);
  const err = createSplitter(marker, () => CHATTER_LIMIT, onLine, flood);

  function fail(why: string): void {
    const own = [start.greeting, start.prompt].filter((word) => word !== '');
    const said = own.reduce((text, word) => text.replaceAll(word, ''), `${seen.stdout}\n${seen.stderr}`);
    const output = plainText(said, TAIL);
    const details = { host, ...(output === '' ? {} : { output }) };
    if (options.isLost()) reject(options.lost());
    else if (become !== undefined && greetings > 0) {
      reject(new KeelsonError('host.sudo', `${user} on ${host} cannot become root by sudo: ${why}`, details));
    } else
      reject(
        new KeelsonError(
          'host.shell',
          `the login shell of ${user} on ${host} does not start a command: ${why}`,
          details,
        ),
      );
  }

  // Whatever sudo asks takes as long as a person does; the time runs from the last thing that we did.
  function restartTimer(): void {
    clearTimeout(timer);
    timer = setTimeout(() => fail(`nothing happened for ${options.startMs / 1000} s`), options.startMs);
  }

  async function answerPrompt(): Promise<void> {
    asked += 1;
    if (asked > 1) return fail('the password is wrong');
    if (options.password === undefined) return fail('it wants a password, and nobody can be asked');
    clearTimeout(timer);
    try {
      const password = await options.password();
      if (!channel.stdin.writable) return;
      channel.stdin.write(`${reveal(password)}\n`);
      restartTimer();
    } catch (error) {
      reject(error);
    }
  }

  function onText(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    const text = (seen[stream] + chunk.toString('latin1')).slice(-CHATTER_LIMIT);
    seen[stream] = text;
    if (stream === 'stdout') greetings = text.split(start.greeting).length - 1;
    if (!opened && greetings >= (become === undefined ? 1 : 2)) {
      opened = true;
      if (become !== undefined) channel.stdin.write(start.opening);
    }
    if (stream === 'stderr' && start.prompt !== '' && !opened) {
      const prompts = text.split(start.prompt).length - 1;
      if (prompts > asked) void answerPrompt();
    }
  }

  const onStdout = (chunk: Buffer): void => {
    if (!opened) onText('stdout', chunk);
    out.push(chunk);
  };
  const onStderr = (chunk: Buffer): void => {
    onText('stderr', chunk);
    err.push(chunk);
  };
  const onError = (): void => undefined;
  const onAbort = (): void => reject(signal.reason);
  channel.stdout.on('data', onStdout);
  channel.stderr.on('data', onStderr);
  channel.stdin.on('error', onError);
  signal.addEventListener('abort', onAbort, { once: true });
  void channel.ended.then(({ exitCode }) => fail(`it ended${exitCode === null ? '' : ` with exit code ${exitCode}`}`));
  restartTimer();
  // Without sudo nothing else reads our stdin, so it need not wait for an answer.
  if (become === undefined) channel.stdin.write(start.opening);

  return promise
    .catch((error: unknown) => {
      channel.kill();
      throw error;
    })
    .finally(() => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      channel.stdout.off('data', onStdout);
      channel.stderr.off('data', onStderr);
    });
}
