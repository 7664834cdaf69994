import { spawn } from 'node:child_process';

export interface CommandOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly timeoutMs?: number;
  /** Called with each full line of either stream, for progress. */
  readonly onLine?: (line: string) => void;
}

export class CommandError extends Error {
  readonly argv: readonly string[];
  readonly output: CommandOutput;

  constructor(argv: readonly string[], output: CommandOutput) {
    const detail = (output.stderr.trim() || output.stdout.trim()).split('\n').slice(-5).join('\n');
    super(`"${argv.join(' ')}" ended with ${output.code}${detail === '' ? '' : `: ${detail}`}`);
    this.name = 'CommandError';
    this.argv = argv;
    this.output = output;
  }
}

const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const outputLimit = 16 * 1024 * 1024;

/** The environment of every command of the lab: system folders are searched even where the user's PATH lacks sbin. */
export function commandEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const proxies = ['http_proxy', 'https_proxy', 'no_proxy'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(proxies),
    PATH: systemPath,
    HOME: process.env.HOME ?? '/root',
    LC_ALL: 'C.UTF-8',
    ...extra,
  };
}

/** Runs a command to its end. A non-zero exit resolves; only a command that cannot be started rejects. */
export function attempt(argv: readonly [string, ...string[]], options: CommandOptions = {}): Promise<CommandOutput> {
  const [program, ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: commandEnvironment(options.env),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs, killSignal: 'SIGKILL' as const }),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const stdout = collect(child.stdout, options.onLine);
    const stderr = collect(child.stderr, options.onLine);
    child.on('error', reject);
    // The reader may end before it has read all: its exit code tells, not the broken pipe.
    child.stdin.on('error', () => {});
    child.stdin.end(options.stdin ?? '');
    child.on('close', (code, signal) => {
      const note = signal === null ? '' : `\nended by ${signal}`;
      resolve({ code: code ?? 137, stdout: stdout(), stderr: stderr() + note });
    });
  });
}

/** Runs a command and answers its standard output; a non-zero exit rejects with a CommandError. */
export async function run(argv: readonly [string, ...string[]], options: CommandOptions = {}): Promise<string> {
  const output = await attempt(argv, options);
  if (output.code !== 0) throw new CommandError(argv, output);
  return output.stdout;
}

/**
 * Like `run`, for commands that write for more than a moment: the kernel ends them together with this process, so that
 * nothing goes on writing into a lab whose maker was killed.
 */
export function runBound(argv: readonly [string, ...string[]], options: CommandOptions = {}): Promise<string> {
  return run(['setpriv', '--pdeathsig', 'KILL', '--', ...argv], options);
}

function collect(stream: NodeJS.ReadableStream, onLine: ((line: string) => void) | undefined): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  let partial = '';
  stream.on('data', (chunk: Buffer) => {
    if (size < outputLimit) chunks.push(chunk);
    size += chunk.length;
    if (onLine === undefined) return;
    const lines = (partial + chunk.toString('utf8')).split('\n');
    partial = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  return () => Buffer.concat(chunks).toString('utf8');
}
