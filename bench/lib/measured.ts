import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { createMeter } from './cgroup.ts';

export interface MeasuredCommand {
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
}

export interface MeasuredRun {
  /** Seconds since 1970, as the machines' clocks have it: they are this computer's. */
  readonly startedAt: number;
  readonly ms: number;
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly cpuSeconds: number;
  readonly peakMiB: number;
}

interface MeasureOptions {
  readonly name: string;
  readonly signal: AbortSignal;
  readonly timeoutMs?: number;
  /** Gets a function that says the processor seconds so far, before the command starts. */
  readonly onMeter?: (cpuSeconds: () => number) => void;
}

const TIMEOUT_MS = 180_000;
const LAST_WORDS_MS = 200;
const OUTPUT_LIMIT = 4 * 1024 * 1024;

/** Runs a command in a control group of its own. What it leaves behind (ssh masters) is ended after the measurement. */
export async function measure(command: MeasuredCommand, options: MeasureOptions): Promise<MeasuredRun> {
  options.signal.throwIfAborted();
  const meter = await createMeter(options.name);
  try {
    options.onMeter?.(meter.cpuSeconds);
    const [program, ...args] = [...meter.join, ...command.argv] as [string, ...string[]];
    const startedAt = Date.now() / 1000;
    const started = performance.now();
    // Not in the terminal's process group: Ctrl-C is ours to hand on.
    const child = spawn(program, args, { ...spawnOptions(command), detached: true });
    const closed = new Promise((resolve) => child.once('close', resolve));
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    const stop = (): void => meter.killAll();
    options.signal.addEventListener('abort', stop, { once: true });
    const timer = setTimeout(stop, options.timeoutMs ?? TIMEOUT_MS);
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => resolve(code ?? 137));
    }).finally(() => {
      clearTimeout(timer);
      options.signal.removeEventListener('abort', stop);
    });
    const ms = performance.now() - started;
    const used = { cpuSeconds: meter.cpuSeconds(), peakMiB: meter.peakMiB() };
    // What is still in the pipes; a connection that is kept open for later may hold them for long.
    await Promise.race([closed, sleep(LAST_WORDS_MS, undefined, { ref: false })]);
    options.signal.throwIfAborted();
    return { startedAt, ms, exitCode, stdout: stdout(), stderr: stderr(), ...used };
  } finally {
    await meter.remove();
  }
}

/** Fails with what the command said unless it ended with 0. */
export function mustSucceed(ran: MeasuredRun, what: string): MeasuredRun {
  if (ran.exitCode === 0) return ran;
  throw new Error(`${what}: exit code ${ran.exitCode}\n${lastWords(ran)}`);
}

export function lastWords({ stdout, stderr }: Pick<MeasuredRun, 'stdout' | 'stderr'>): string {
  return `${stdout}\n${stderr}`.trim().split('\n').slice(-60).join('\n');
}

function spawnOptions({ cwd, env }: MeasuredCommand) {
  return { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] as ['ignore', 'pipe', 'pipe'] };
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    if (size < OUTPUT_LIMIT) chunks.push(chunk);
    size += chunk.length;
  });
  return () => Buffer.concat(chunks).toString('utf8');
}
