import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';

export interface CommandOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** After this the command and all it started in its process group are killed. */
  readonly timeoutMs?: number;
  /** Standard output and error go through as they come, instead of being kept. */
  readonly show?: boolean;
}

export interface CommandOutcome {
  /** The exit status; 128 and the signal's number for one that was killed, as a shell says it. */
  readonly code: number;
  /** Standard output and error as they came; empty when they were shown. */
  readonly output: string;
  readonly timedOut: boolean;
}

/** Somebody asked this process to end while a command ran; the command has been told, and has ended. */
export class Interrupted extends Error {
  readonly exitCode = 130;
}

const SIGKILL_CODE = 137;
const LAST_WORDS_MS = 2_000;

/**
 * Runs a command with this Node and the project's tools on PATH. It has a process group of its own, so that a limit of time
 * ends all of it; Ctrl-C and a request to end are handed on.
 */
export async function runCommand(argv: readonly string[], options: CommandOptions): Promise<CommandOutcome> {
  const [program = '', ...args] = argv;
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...colours(), ...options.env, PATH: toolPath(options.cwd) },
    stdio: options.show === true ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
  let timedOut = false;
  const killGroup = (signal: NodeJS.Signals) => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, signal);
    } catch {
      // All of it has ended already.
    }
  };
  const onTimeout = () => {
    timedOut = true;
    killGroup('SIGKILL');
  };
  const timer = options.timeoutMs === undefined ? undefined : setTimeout(onTimeout, options.timeoutMs);
  let interrupted = false;
  const handOn = (signal: NodeJS.Signals) => {
    interrupted = true;
    killGroup(signal);
  };
  process.on('SIGINT', handOn);
  process.on('SIGTERM', handOn);
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status) => resolve(status ?? SIGKILL_CODE));
      // A process that the command left behind may hold the pipe open for ever.
      child.once('exit', (status) => setTimeout(() => resolve(status ?? SIGKILL_CODE), LAST_WORDS_MS).unref());
    });
    if (interrupted) throw new Interrupted();
    return { code, output: Buffer.concat(chunks).toString('utf8'), timedOut };
  } finally {
    clearTimeout(timer);
    process.off('SIGINT', handOn);
    process.off('SIGTERM', handOn);
    child.stdout?.destroy();
    child.stderr?.destroy();
  }
}

/** A command whose output is kept cannot see whether it will be shown on a terminal. */
function colours(): Readonly<Record<string, string | undefined>> {
  return process.stdout.isTTY ? {} : { NO_COLOR: '1', FORCE_COLOR: undefined };
}

function toolPath(root: string): string {
  const node = join(process.execPath, '..');
  return [node, join(root, 'node_modules/.bin'), process.env.PATH ?? ''].join(delimiter);
}
