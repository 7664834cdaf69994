import type { RunEvent } from '../../model/events.ts';
import type { HostId, RunId } from '../../model/ids.ts';
import type { WriteBinding } from '../../ports/machine.ts';
import type { Stop } from './etcd.ts';

/** A look at a member counts as measured just before while it is no older. */
const JUST_BEFORE_MS = 15_000;

export interface WriteWatchOptions {
  journals: ReadonlyMap<RunId, readonly RunEvent[]>;
  violate: (what: string) => void;
}

/** Invariants of single moments: what a machine receives, and what becomes of its member. */
export class WriteWatch {
  readonly #options: WriteWatchOptions;
  /** Every run that wrote under a number. */
  readonly #writers = new Map<number, Set<string>>();
  readonly #highestFence = new Map<HostId, number>();

  constructor(options: WriteWatchOptions) {
    this.#options = options;
  }

  /** For a copy of the simulation: numbers are never given twice. */
  adopt(other: WriteWatch): void {
    for (const [host, fence] of other.#highestFence) this.#highestFence.set(host, fence);
  }

  /** The fence has let a write in. */
  received(id: HostId, { run, step, fence }: WriteBinding, what: string): void {
    const { journals, violate } = this.#options;
    const begun = journals.get(run)?.some((e) => e.type === 'step.started' && e.step === step) ?? false;
    if (!begun) violate(`${id} received ${what} of a step that the journal has not begun`);
    const writers = this.#writers.get(fence) ?? new Set();
    this.#writers.set(fence, writers.add(run));
    if (writers.size > 1) violate(`runs ${[...writers].join(' and ')} both wrote under number ${fence}`);
    const highest = this.#highestFence.get(id) ?? 0;
    if (fence < highest) violate(`${id} received ${what} under number ${fence} after one under ${highest}`);
    this.#highestFence.set(id, Math.max(highest, fence));
  }

  /** A write to an API server goes out: which step's it is nobody says, so that one at least must be under way. */
  wroteByApi(id: HostId, run: RunId | null, what: string): void {
    const events = run === null ? [] : (this.#options.journals.get(run) ?? []);
    const begun = new Set<string>();
    for (const event of events) {
      if (event.type === 'step.started') begun.add(event.step);
      // What becomes of one whose end is unknown is unknown, too: it takes its token away when it comes to it.
      if (event.type === 'step.finished' && event.outcome !== 'unknown') begun.delete(event.step);
    }
    if (begun.size === 0) this.#options.violate(`${id} received ${what} while the journal has no step under way`);
  }

  /** Keelson takes a voter down: the others must carry the quorum as far as the run could know. */
  stopped({ machine, by, wasServing, others, need }: Stop): void {
    if (!wasServing) return;
    const justBefore = by.issuedAt - JUST_BEFORE_MS;
    const stay = others.filter(
      ({ host, serves, ours }) =>
        serves || (!ours && (by.sawServing.get(host) ?? Number.NEGATIVE_INFINITY) >= justBefore),
    ).length;
    if (stay < need)
      this.#options.violate(
        `run ${by.run} takes ${machine.id} down while ${stay} of the other members serve and ${need} must`,
      );
  }
}
