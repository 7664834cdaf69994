import type { Readable, Writable } from 'node:stream';
import { KeelsonError } from '../model/errors.ts';
import { cannotRead } from '../model/file-error.ts';
import type { HostId } from '../model/ids.ts';
import { reveal } from '../model/reveal.ts';
import { Secret } from '../model/secret.ts';
import { plainText } from '../model/text.ts';
import type { CommandResult } from '../ports/host.ts';
import { createSplitter, type MarkedLine } from './output-splitter.ts';
import { encodeRequest } from './shell-loop.ts';

/** Bytes of a known number from somewhere else than memory. */
export interface StreamedInput {
  bytes: number;
  open: () => Readable;
}

export interface ShellRequest {
  readonly argv: readonly [string, ...string[]];
  readonly stdin?: string | Buffer | Secret | StreamedInput | undefined;
  readonly timeoutMs: number;
  readonly outputLimit: number;
}

export interface ShellTraffic {
  commands: number;
  roundTrips: number;
  bytesSent: number;
  bytesReceived: number;
}

/** A shell that has said it is ready, over three streams. */
export interface ShellStreams {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Ends the transport of the streams at once; they close. */
  readonly kill: () => void;
}

export interface RemoteShell {
  /**
   * Sends all requests at once; they run one after the other, and after those of earlier calls. Rejects with the first failure.
   * On an abort it rejects at once; what was sent may still run.
   */
  readonly run: (requests: readonly ShellRequest[], signal: AbortSignal) => Promise<readonly CommandResult[]>;
  readonly isOpen: () => boolean;
  readonly close: () => void;
}

interface Pending {
  id: number;
  request: ShellRequest;
  stdout: string | undefined;
  stderr: string | undefined;
  exitCode: number;
  startedAt: number | undefined;
  settle: (outcome: CommandResult | KeelsonError) => void;
}

/** How long after its own end a command may keep us waiting: `timeout` sends SIGKILL after two seconds. */
const GRACE_MS = 10_000;
/** For the first word of a request that was sent while nothing else ran. */
const IDLE_LIMIT = 64 * 1024;

export interface ShellOptions {
  host: HostId;
  marker: string;
  traffic: ShellTraffic;
  /** What an ended connection means. */
  lost: () => KeelsonError;
  /** For tests. */
  graceMs?: number;
}

/** Speaks with the loop of `shell-loop.ts` once the loop runs. */
export function createRemoteShell(streams: ShellStreams, options: ShellOptions): RemoteShell {
  const { host, marker, traffic } = options;
  const grace = options.graceMs ?? GRACE_MS;
  const queue: Pending[] = [];
  let nextId = 1;
  let open = true;
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> = Promise.resolve();

  const limit = (): number => queue[0]?.request.outputLimit ?? IDLE_LIMIT;
  const out = createSplitter(marker, limit, (line, before) => onLine('stdout', line, before), onExcess);
  const err = createSplitter(marker, limit, (line, before) => onLine('stderr', line, before), onExcess);

  function onLine(stream: 'stdout' | 'stderr', line: MarkedLine, before: Buffer): void {
    if (line.word === 'start') {
      const pending = queue.find((p) => p.id === Number(line.value));
      if (pending !== undefined) pending.startedAt = performance.now();
      watch();
      return;
    }
    const pending = queue.find((p) => p.id === Number(line.word));
    if (pending === undefined) return;
    pending[stream] = before.toString('utf8');
    pending.exitCode = Number(line.value);
    finish();
  }

  function finish(): void {
    for (let first = queue[0]; first?.stdout !== undefined && first.stderr !== undefined; first = queue[0]) {
      queue.shift();
      first.settle(resultOf(first));
    }
    watch();
  }

  function resultOf(pending: Pending): CommandResult | KeelsonError {
    const { request, exitCode, stdout = '', stderr = '' } = pending;
    const tookMs = performance.now() - (pending.startedAt ?? performance.now());
    // 124 and 137 are what `timeout` gives; a command may give them too, but not after all its time is up.
    if ((exitCode === 124 || exitCode === 137) && tookMs >= request.timeoutMs * 0.95) {
      return new KeelsonError(
        'host.timeout',
        `${nameOf(request)} on ${host} did not end within ${seconds(request.timeoutMs)}`,
        {
          host,
          output: plainText(`${stdout}\n${stderr}`),
        },
      );
    }
    return { exitCode, stdout, stderr };
  }

  // One clock for the request at the head of the queue: those behind it have not begun.
  function watch(): void {
    clearTimeout(timer);
    timer = undefined;
    const first = queue[0];
    if (first === undefined || !open) return;
    timer = setTimeout(() => onOverdue(first), first.request.timeoutMs + grace);
  }

  function onOverdue(pending: Pending): void {
    const { request } = pending;
    end(
      new KeelsonError(
        'host.timeout',
        `${nameOf(request)} on ${host} did not end within ${seconds(request.timeoutMs)}, and could not be stopped`,
        { host },
      ),
    );
  }

  function onExcess(): void {
    const first = queue[0];
    const what = first === undefined ? 'something' : nameOf(first.request);
    end(new KeelsonError('host.output-limit', `${what} on ${host} printed more than ${limit()} bytes`, { host }));
  }

  /** `reason` is for the request that was running; for those behind it the connection is lost. */
  function end(reason?: KeelsonError): void {
    if (!open) return;
    open = false;
    clearTimeout(timer);
    streams.kill();
    const [first, ...others] = queue.splice(0);
    first?.settle(reason ?? options.lost());
    for (const pending of others) pending.settle(reason === undefined ? options.lost() : cutOff(host));
  }

  streams.stdout.on('data', (chunk: Buffer) => {
    traffic.bytesReceived += chunk.length;
    out.push(chunk);
  });
  streams.stderr.on('data', (chunk: Buffer) => {
    traffic.bytesReceived += chunk.length;
    err.push(chunk);
  });
  streams.stdout.once('close', () => end());
  for (const stream of [streams.stdin, streams.stdout, streams.stderr]) stream.on('error', () => end());

  function enqueue(request: ShellRequest): Promise<CommandResult> {
    const { promise, resolve, reject } = Promise.withResolvers<CommandResult>();
    const settle = (outcome: CommandResult | KeelsonError): void => {
      if (outcome instanceof KeelsonError) reject(outcome);
      else resolve(outcome);
    };
    const pending: Pending = {
      id: nextId++,
      request,
      stdout: undefined,
      stderr: undefined,
      exitCode: -1,
      startedAt: undefined,
      settle,
    };
    queue.push(pending);
    if (queue.length === 1) watch();
    return promise;
  }

  function write(bytes: Buffer): Promise<void> {
    traffic.bytesSent += bytes.length;
    return new Promise((resolve) => {
      streams.stdin.write(bytes, () => resolve());
    });
  }

  async function send(parts: readonly (Buffer | StreamedInput)[]): Promise<void> {
    for (const part of parts) {
      if (!open) return;
      if (Buffer.isBuffer(part)) await write(part);
      else await sendStream(part);
    }
  }

  // Exactly the bytes that were announced: a file that shrinks or cannot be read would leave the loop waiting for ever.
  async function sendStream(input: StreamedInput): Promise<void> {
    let left = input.bytes;
    try {
      for await (const chunk of input.open()) {
        const bytes = (chunk as Buffer).subarray(0, left);
        left -= bytes.length;
        if (bytes.length > 0) await write(bytes);
        if (left === 0 || !open) return;
      }
    } catch (error) {
      end(
        new KeelsonError('host.unreachable', cannotRead('a file that was to be sent', error), { host, cause: error }),
      );
      return;
    }
    end(new KeelsonError('host.unreachable', 'a file that was to be sent has become shorter', { host }));
  }

  async function run(requests: readonly ShellRequest[], signal: AbortSignal): Promise<readonly CommandResult[]> {
    signal.throwIfAborted();
    if (!open) throw options.lost();
    // All are encoded before one is queued: a request that cannot be sent must not leave others waiting.
    const parts = requests.flatMap((request, n): (Buffer | StreamedInput)[] => {
      const stdin = bytesOf(request.stdin);
      const size = Buffer.isBuffer(stdin) ? stdin.length : stdin.bytes;
      const head = encodeRequest(nextId + n, request, size);
      return size > 0 ? [head, stdin] : [head];
    });
    traffic.roundTrips += 1;
    traffic.commands += requests.length;
    const results = requests.map((request) => enqueue(request));
    sending = sending.then(() => send(joinBuffers(parts)));
    return orAborted(Promise.all(results), signal);
  }

  return {
    run,
    isOpen: () => open,
    close: () => end(),
  };
}

/** The cause of the error of a request that stood behind the one for which the shell was ended. */
export const CUT_OFF = Symbol('cut off');

function cutOff(host: HostId): KeelsonError {
  return new KeelsonError('host.unreachable', `the shell on ${host} was ended by another command`, {
    host,
    cause: CUT_OFF,
  });
}

function bytesOf(stdin: ShellRequest['stdin']): Buffer | StreamedInput {
  if (stdin === undefined) return Buffer.alloc(0);
  if (stdin instanceof Secret) return Buffer.from(reveal(stdin));
  return typeof stdin === 'string' ? Buffer.from(stdin) : stdin;
}

/** One write, and so one packet, for all that is in memory. */
function joinBuffers(parts: readonly (Buffer | StreamedInput)[]): (Buffer | StreamedInput)[] {
  const joined: (Buffer | StreamedInput)[] = [];
  let run: Buffer[] = [];
  for (const part of parts) {
    if (Buffer.isBuffer(part)) {
      run.push(part);
      continue;
    }
    joined.push(Buffer.concat(run), part);
    run = [];
  }
  if (run.length > 0) joined.push(Buffer.concat(run));
  return joined;
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** The program, never its arguments: an argument may be a whole script. */
function nameOf(request: ShellRequest): string {
  const name = 'builder' in request ? String(request.builder) : request.argv[0];
  return `the command ${name}`;
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}
