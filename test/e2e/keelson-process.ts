import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

/** The launcher, as people start it. */
export const KEELSON = join(import.meta.dirname, '../../bin/keelson');

export interface Ran {
  readonly args: readonly string[];
  /** 128 and the signal's number when a signal ended it, as a shell tells it. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

export interface StartOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input; without it there is none. */
  readonly stdin?: string;
  /** Each full line of standard error, as it comes: with `-o json` these are the events. */
  readonly onLine?: (line: string) => void;
  /** Gets all of standard output so far whenever there is more, and may answer; standard input stays open. */
  readonly interact?: (said: string, write: (text: string) => void) => void;
  /** It is killed after this time. */
  readonly timeoutMs?: number;
}

export interface Running {
  /** Of keelson itself: the launcher is replaced by it. */
  readonly pid: number;
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly done: Promise<Ran>;
}

const DEFAULT_TIMEOUT_MS = 300_000;
const SIGNALS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

/** Starts keelson as a child process that inherits neither terminal nor agent nor any of this process's settings. */
export function startKeelson(args: readonly string[], options: StartOptions): Running {
  return startProgram([KEELSON, ...args], options);
}

/** Starts keelson at a terminal, and types each answer when what it is for has been asked; what it said is on `stdout`. */
export function startAtTerminal(
  args: readonly string[],
  answers: readonly { readonly when: RegExp; readonly type: string }[],
  options: StartOptions,
): Running {
  const line = ['stty cols 120 rows 40; exec', KEELSON, ...args]
    .map((word, n) => (n === 0 ? word : quote(word)))
    .join(' ');
  let answered = 0;
  let from = 0;
  return startProgram(['script', '-qec', line, '/dev/null'], {
    ...options,
    env: { TERM: 'xterm', ...options.env },
    interact: (said, write) => {
      const next = answers[answered];
      if (next === undefined || !next.when.test(said.slice(from))) return;
      answered += 1;
      from = said.length;
      write(next.type);
    },
  });
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function startProgram(argv: readonly [string, ...string[]], options: StartOptions): Running {
  const [program, ...args] = argv;
  const started = performance.now();
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { PATH: process.env.PATH ?? '', LANG: 'C.UTF-8', ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const { interact } = options;
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr, options.onLine);
  child.stdin.on('error', () => undefined);
  if (interact === undefined) child.stdin.end(options.stdin ?? '');
  else child.stdout.on('data', () => interact(stdout(), (text) => void child.stdin.write(text)));
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const done = new Promise<Ran>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      const exitCode = code ?? 128 + (SIGNALS[signal ?? ''] ?? 0);
      resolve({ args, exitCode, stdout: stdout(), stderr: stderr(), ms: performance.now() - started });
    });
  });
  return { pid: pidOf(child), kill: (signal) => void child.kill(signal), done };
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('the process was not started');
  return child.pid;
}

function collect(stream: NodeJS.ReadableStream, onLine?: (line: string) => void): () => string {
  let text = '';
  let partial = '';
  stream.setEncoding('utf8');
  stream.on('data', (more: string) => {
    text += more;
    if (onLine === undefined) return;
    const lines = (partial + more).split('\n');
    partial = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  return () => text;
}

/** Gives what ran when it ended as wanted; else fails with all that it said. */
export function ended(ran: Ran, exitCode: number): Ran {
  if (ran.exitCode === exitCode) return ran;
  const said = `${ran.stdout}${ran.stderr}`.trim().split('\n').slice(-80).join('\n');
  throw new Error(`keelson ${ran.args.join(' ')}: exit code ${ran.exitCode}, not ${exitCode}\n${said}`);
}
