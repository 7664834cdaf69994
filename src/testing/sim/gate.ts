import type { ErrorCode } from '../../model/codes.ts';
import { KeelsonError } from '../../model/errors.ts';
import type { HostId } from '../../model/ids.ts';
import type { SimClock } from './clock.ts';
import type { Rng } from './random.ts';

/** How a call to a port can go wrong. */
export const cutForms = ['not-run', 'reply-lost', 'run-twice', 'still-running', 'host-gone'] as const;
export type CutForm = (typeof cutForms)[number];

export interface Cut {
  /** The number of the call, from 1, that is cut. */
  at: number;
  form: CutForm;
  /** The process lives on and gets an error, as after a lost connection. Else it dies with the call, but for `run-twice` and `host-gone`. */
  survived?: boolean;
}

export interface Call<T> {
  what: string;
  /** null for the operator's own files. */
  host: HostId | null;
  /** Does `portion` (0 to 1) of what is asked, as far as it has parts. */
  effect: (portion: number) => T;
  /** Milliseconds until the machine's lock file is free; 0 when it is. */
  heldMs?: () => number;
  /** What the call is answered with when the lock file stays held; and when no answer comes. Both may throw. */
  onBusy?: () => T;
  onLost?: () => T;
  /** Told when the call goes out, before anything else happens. */
  onIssue?: () => void;
}

export interface GateOptions {
  clock: SimClock;
  rng: Rng;
  cuts: readonly Cut[];
  /** Milliseconds that the way to a machine and back takes beyond the usual. */
  delayMs: (host: HostId) => number;
  /** Does an effect later, whatever becomes of its run. `holding` keeps the machine's lock file until then. */
  postpone: (host: HostId, ms: number, holding: boolean, effect: () => void) => void;
  hostGone: (host: HostId) => void;
  /** Told of each call, by its number, before it goes out. */
  onCall?: (call: number) => void;
  trace: (line: string) => void;
}

/** One process of an operator, as the world sees it. */
export interface Gate {
  /** One call of a run to the world. After the process died it never settles. */
  readonly call: <T>(call: Call<T>) => Promise<T>;
  readonly calls: () => number;
  readonly dead: () => boolean;
  readonly kill: () => void;
  /** Stops the process for a while: nothing goes out, and answers wait. */
  readonly pause: (ms: number) => void;
  /** The process' own clock: its sleeps do not end while it is stopped, and never once it is dead. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Settles when the process dies. */
  readonly death: Promise<'died'>;
}

const NEVER = new Promise<never>(() => undefined);
/** `flock -w 15` on the machine. */
const FLOCK_WAIT_MS = 15_000;
/** Until ssh gives a machine up that says nothing. */
const GIVE_UP_MS = 5_000;

export function gate(options: GateOptions): Gate {
  const { clock, rng } = options;
  const cuts = new Map(options.cuts.map((c) => [c.at, c]));
  let count = 0;
  let isDead = false;
  let pausedUntil = 0;
  let settleDeath: (how: 'died') => void = () => undefined;
  const death = new Promise<'died'>((resolve) => {
    settleDeath = resolve;
  });

  function kill(): void {
    isDead = true;
    settleDeath('died');
  }

  async function awake(): Promise<void> {
    while (!isDead && clock.monotonicMs() < pausedUntil) await clock.sleep(pausedUntil - clock.monotonicMs());
    if (isDead) await NEVER;
  }

  async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await clock.sleep(ms, signal);
    await awake();
  }

  async function call<T>(asked: Call<T>): Promise<T> {
    if (isDead) return NEVER;
    count += 1;
    const mine = count;
    options.onCall?.(mine);
    if (isDead) return NEVER;
    asked.onIssue?.();
    const { host } = asked;
    // Answers come back in another order than the questions went out.
    await sleep(rng.below(4) + (host === null ? 0 : options.delayMs(host)));
    const held = asked.heldMs?.() ?? 0;
    if (held > 0) await sleep(Math.min(held, FLOCK_WAIT_MS));
    if (held > FLOCK_WAIT_MS && asked.onBusy !== undefined) return answered(asked.onBusy);
    const cut = cuts.get(mine);
    if (cut === undefined) return answered(() => asked.effect(1));
    options.trace(
      `call ${mine}, ${asked.what}${host === null ? '' : ` on ${host}`}: ${cut.form}${cut.survived ? ', and the process lives on' : ''}`,
    );
    return cutShort(asked, cut);
  }

  async function answered<T>(effect: () => T): Promise<T> {
    try {
      const value = await effect();
      await awake();
      return value;
    } catch (error) {
      if (error instanceof KeelsonError && error.code === 'host.unreachable') await sleep(GIVE_UP_MS);
      await awake();
      throw error;
    }
  }

  async function cutShort<T>(asked: Call<T>, cut: Cut): Promise<T> {
    const { host, effect } = asked;
    if (cut.form === 'run-twice') {
      await answered(() => effect(1));
      return answered(() => effect(1));
    }
    if (cut.form === 'host-gone' && host !== null) {
      const [before, portion] = [rng.chance(0.5), rng.next()];
      if (before) quietly(() => effect(portion));
      options.hostGone(host);
      return answered(asked.onLost ?? (() => lost(host)));
    }
    if (cut.form === 'reply-lost') quietly(() => effect(1));
    if (cut.form === 'still-running') later(asked);
    if (cut.survived) return answered(asked.onLost ?? (() => lost(host)));
    kill();
    return NEVER;
  }

  /** What a dead process had under way: on a machine it goes on; of the operator's own files it is done or not. */
  function later<T>({ host, effect }: Call<T>): void {
    if (host === null) {
      if (rng.chance(0.5)) quietly(() => effect(1));
      return;
    }
    options.postpone(host, 500 + rng.below(20_000), rng.chance(0.6), () => void effect(1));
  }

  return {
    call,
    calls: () => count,
    dead: () => isDead,
    kill,
    sleep,
    death,
    pause: (ms) => {
      pausedUntil = clock.monotonicMs() + ms;
    },
  };
}

/** Nobody waits for this answer any more. */
function quietly(effect: () => unknown): void {
  try {
    effect();
  } catch {
    // As `effect` would have told a process that is gone.
  }
}

function lost(host: HostId | null): never {
  const code: ErrorCode = host === null ? 'vault.write-failed' : 'host.unreachable';
  throw new KeelsonError(
    code,
    host === null ? 'the disk is full' : `${host} does not answer`,
    host === null ? {} : { host },
  );
}
