import type { ManualClock } from '../manual-clock.ts';

/** How a call to a port can go wrong. In all forms but the last two the run's process dies with it. */
export type CutForm = 'not-run' | 'reply-lost' | 'still-running' | 'run-twice' | 'host-gone';

export interface Cut {
  /** The number of the call, from 1, that is cut. */
  at: number;
  form: CutForm;
}

export interface GateOptions {
  clock: ManualClock;
  random: () => number;
  cuts: readonly Cut[];
  /** Keeps an effect that happens later, whatever becomes of its run. */
  postpone: (host: string, ms: number, effect: () => void) => void;
  hostGone: (host: string) => void;
  trace: (line: string) => void;
}

export interface Gate {
  /** One call of a run to the world. After the process died it never settles. */
  readonly call: <T>(what: string, host: string | null, effect: () => T) => Promise<T>;
  readonly calls: () => number;
  readonly dead: () => boolean;
  /** Settles when the process dies. */
  readonly death: Promise<'died'>;
}

const NEVER = new Promise<never>(() => undefined);

export function gate(options: GateOptions): Gate {
  let count = 0;
  let isDead = false;
  let die: () => void = () => undefined;
  const death = new Promise<'died'>((resolve) => {
    die = () => {
      isDead = true;
      resolve('died');
    };
  });

  async function call<T>(what: string, host: string | null, effect: () => T): Promise<T> {
    if (isDead) return NEVER;
    count += 1;
    const mine = count;
    const cut = options.cuts.find((c) => c.at === mine);
    // Answers come back in another order than the questions went out.
    await options.clock.sleep(Math.floor(options.random() * 4));
    if (isDead) return NEVER;
    if (cut === undefined) return effect();
    options.trace(`${mine} ${what}${host === null ? '' : ` on ${host}`}: ${cut.form}`);
    if (cut.form === 'run-twice') {
      effect();
      return effect();
    }
    if (cut.form === 'host-gone' && host !== null) {
      options.hostGone(host);
      return effect();
    }
    if (cut.form === 'reply-lost') effect();
    if (cut.form === 'still-running')
      options.postpone(host ?? '', 1_000 + options.random() * 30_000, () => void effect());
    die();
    return NEVER;
  }

  return { call, calls: () => count, dead: () => isDead, death };
}
