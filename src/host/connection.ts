import type { Duplex } from 'node:stream';
import { KeelsonError } from '../model/errors.ts';
import type { Secret } from '../model/secret.ts';
import type { Clock } from '../ports/clock.ts';
import type { CommandResult } from '../ports/host.ts';
import type { ConnectGate } from './connect-gate.ts';
import { createForwards, type Forwards } from './forward.ts';
import { identityFileProblem } from './identity-file.ts';
import { type Master, SshFailed, startMaster } from './master.ts';
import type { RemoteShell, ShellRequest, ShellTraffic } from './remote-shell.ts';
import { recordedKeys, type SshSettings, targetOptions } from './ssh-config.ts';
import { classify, sshError } from './ssh-failure.ts';
import { expandHome, jumpsOf, type SshTarget } from './ssh-target.ts';
import { startShell } from './start-shell.ts';

export interface Traffic extends ShellTraffic {
  connects: number;
}

/** What all connections share. */
export interface ConnectionContext {
  program: string;
  version: number;
  folder: string;
  configFile: string;
  settings: SshSettings;
  gate: ConnectGate;
  clock: Clock;
  traffic: Traffic;
  /** Asked once; the answer is kept in memory. */
  password: ((target: SshTarget) => Promise<Secret>) | undefined;
  /** A fresh name for a socket. */
  nextName: () => string;
  recorded: () => Promise<string>;
  startMs: number;
}

/** Shells of one machine: `main` answers quickly; `bulk` is for what takes long, so that the other stays free. */
export type ShellUse = 'main' | 'bulk';

/** The connection to one machine: made at the first use, and again after it was lost. */
export interface Connection {
  readonly run: (
    use: ShellUse,
    requests: readonly ShellRequest[],
    signal: AbortSignal,
  ) => Promise<readonly CommandResult[]>;
  readonly dial: (address: string, port: number, signal: AbortSignal) => Promise<Duplex>;
  readonly connect: (signal: AbortSignal) => Promise<void>;
  readonly close: () => Promise<void>;
}

interface Live {
  master: Master;
  forwards: Forwards;
  shells: Readonly<Record<ShellUse, Shell>>;
}

type Shell = () => Promise<RemoteShell>;

/** Waits between attempts when sshd closes connections before the login; each by up to as much again, so that not all come back at once. */
const BUSY_PAUSES_MS = [150, 400, 1000, 2000];

export function createConnection(target: SshTarget, context: ConnectionContext): Connection {
  const { id } = target;
  const place = placeOf(target);
  const closing = new AbortController();
  // The last words of the connection that was lost.
  let lastWords = '';

  const lost = (): KeelsonError => {
    if (closing.signal.aborted)
      return new KeelsonError('host.unreachable', `the connection to ${id} has been closed`, { host: id });
    return lastWords === '' ? lostError(target) : sshError(id, place, lastWords);
  };

  async function attempt(): Promise<Master> {
    const recorded = await context.recorded();
    checkExpected(target, recorded);
    context.traffic.connects += 1;
    const jumps = jumpsOf(target).length;
    return startMaster(
      {
        host: id,
        program: context.program,
        version: context.version,
        folder: context.folder,
        socket: `${context.folder}/${context.nextName()}`,
        options: ['-F', context.configFile, ...targetOptions(target, context.settings, recorded)],
        address: target.address,
        deadlineMs: context.settings.connectMs * (2 + jumps),
      },
      closing.signal,
    );
  }

  /** A key that ssh could not read looks to it like no key, and the machine is blamed for the refusal. */
  async function loginError(said: string): Promise<KeelsonError> {
    const error = sshError(id, place, said);
    if (error.code !== 'host.auth' || target.identityFile === undefined) return error;
    const problem = await identityFileProblem(expandHome(target.identityFile));
    if (problem === null) return error;
    return new KeelsonError('host.auth', `${error.message}: ${problem}`, {
      ...error.details,
      action: 'Correct spec.ssh.identityFile in cluster.yaml, or put the key there with mode 600.',
    });
  }

  async function login(): Promise<Master> {
    for (let round = 0; ; round++) {
      try {
        return await context.gate(jumpsOf(target), attempt);
      } catch (error) {
        if (closing.signal.aborted) throw lost();
        if (!(error instanceof SshFailed)) throw error;
        const pause = BUSY_PAUSES_MS[round];
        if (classify(error.message) !== 'busy' || pause === undefined) throw await loginError(error.message);
        await context.clock.sleep(pause * (1 + Math.random()), closing.signal);
      }
    }
  }

  async function open(): Promise<Live> {
    const master = await login();
    lastWords = '';
    void master.ended.then(() => {
      lastWords = master.said();
    });
    const forwards = createForwards(master, context.folder, lost, context.nextName);
    const shell = (): Shell =>
      reusable(
        () => start(master),
        (found) => found.isOpen(),
      );
    return { master, forwards, shells: { main: shell(), bulk: shell() } };
  }

  function start(master: Master): Promise<RemoteShell> {
    const { password, startMs, traffic } = context;
    const options = {
      host: id,
      user: target.user ?? 'the user',
      become: target.become,
      password: password === undefined ? undefined : () => password(target),
      startMs,
      traffic,
      lost,
      isLost: () => !master.isAlive(),
    };
    return startShell(master.openChannel, options, closing.signal);
  }

  const held = reusable(open, ({ master }) => master.isAlive());
  let last: Promise<Live> | undefined;

  async function current(): Promise<Live> {
    if (closing.signal.aborted) throw lost();
    last = held();
    return last;
  }

  /** The connection may have ended without our knowing yet. Nothing has been sent when `use` fails, so it may be done again. */
  async function withLive<T>(use: (live: Live) => Promise<T>): Promise<T> {
    const found = await current();
    try {
      return await use(found);
    } catch (error) {
      if (closing.signal.aborted || found.master.isAlive()) throw error;
      return use(await current());
    }
  }

  const shell = (use: ShellUse): Promise<RemoteShell> => withLive(({ shells }) => shells[use]());

  return {
    run: async (use, requests, signal) => {
      signal.throwIfAborted();
      const ready = await orAborted(shell(use), signal);
      return ready.run(requests, signal);
    },
    dial: async (address, port, signal) => {
      signal.throwIfAborted();
      return orAborted(
        withLive(({ forwards }) => forwards.dial(address, port, signal)),
        signal,
      );
    },
    connect: async (signal) => {
      await orAborted(shell('main'), signal);
    },
    close: async () => {
      closing.abort(new Error('closed'));
      const found = await last?.catch(() => undefined);
      await found?.master.end();
    },
  };
}

/** What is made once, used by all that ask while it is good, and made again after that. Who asks while it is made shares its fate. */
function reusable<T>(make: () => Promise<T>, isGood: (made: T) => boolean): () => Promise<T> {
  let present: { promise: Promise<T>; made?: T } | undefined;
  return () => {
    if (present !== undefined && (present.made === undefined || isGood(present.made))) return present.promise;
    const next: { promise: Promise<T>; made?: T } = { promise: make() };
    present = next;
    next.promise.then(
      (made) => {
        next.made = made;
      },
      () => {
        if (present === next) present = undefined;
      },
    );
    return next.promise;
  };
}

/** The key that is on record must be the one that the configuration names. */
function checkExpected(target: SshTarget, recorded: string): void {
  const keys = recordedKeys(target, recorded);
  if (target.hostKey === undefined || keys.length === 0) return;
  if (keys.some((key) => key.fingerprint === target.hostKey)) return;
  throw new KeelsonError(
    'host.key-changed',
    `the host key on record for ${target.id} (${placeOf(target)}) is not the one that cluster.yaml names, ${target.hostKey}`,
    { host: target.id, action: 'Find out which of the two is right: the fingerprint in cluster.yaml, or the record.' },
  );
}

export function placeOf(target: SshTarget): string {
  const user = target.user === undefined ? '' : `${target.user}@`;
  const address = target.address.includes(':') ? `[${target.address}]` : target.address;
  return `${user}${address}${target.port === undefined || target.port === 22 ? '' : `:${target.port}`}`;
}

function lostError(target: SshTarget): KeelsonError {
  return new KeelsonError('host.unreachable', `the connection to ${target.id} (${placeOf(target)}) was lost`, {
    host: target.id,
  });
}

async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Whoever gave up waiting does not hear of a failure.
    work.catch(() => undefined);
  }
}
