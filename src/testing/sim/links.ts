import type { HostId } from '../../model/ids.ts';
import type { Rng } from './random.ts';

/** What a machine is away from. */
export type Away = 'operator' | 'peers' | 'everybody';

/** Who reaches whom, and how fast. A machine that is down is another matter. */
export class SimLinks {
  readonly #rng: Rng;
  readonly #awayFromOperator = new Set<HostId>();
  readonly #awayFromPeers = new Set<HostId>();
  readonly #slow = new Map<HostId, number>();

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  cutOff(id: HostId, from: Away): void {
    if (from !== 'peers') this.#awayFromOperator.add(id);
    if (from !== 'operator') this.#awayFromPeers.add(id);
  }

  slow(id: HostId, ms: number): void {
    this.#slow.set(id, ms);
  }

  /** True when the machine was cut off. */
  heal(id: HostId): boolean {
    this.#slow.delete(id);
    const was = this.#awayFromOperator.delete(id);
    return this.#awayFromPeers.delete(id) || was;
  }

  fromOperator(id: HostId): boolean {
    return !this.#awayFromOperator.has(id);
  }

  betweenPeers(a: HostId, b: HostId): boolean {
    return !this.#awayFromPeers.has(a) && !this.#awayFromPeers.has(b);
  }

  /** Milliseconds beyond the usual that this answer takes. */
  delayMs(id: HostId): number {
    return this.#rng.below((this.#slow.get(id) ?? 0) + 1);
  }
}
