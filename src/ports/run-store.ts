import type { Digest, RunId } from '../model/ids.ts';

/** Appends to one run's journal. */
export interface JournalWriter<Event> {
  /** Resolves when the event is on the disk: only then may its consequence begin. Events are written in the order of the calls. */
  readonly append: (event: Event) => Promise<void>;
  readonly close: () => Promise<void>;
}

export interface RunRecord<Event> {
  run: RunId;
  events: readonly Event[];
  /** The last line was cut off: the process died while it wrote. */
  torn: boolean;
  /** Numbers of other lines that could not be read. */
  damagedLines: readonly number[];
}

/** Journals and saved plans: evidence for people, never input to a decision. */
export interface RunStore<Event, Plan> {
  /** Starts a journal; `vault.conflict` when the run has one already. */
  readonly open: (run: RunId) => Promise<JournalWriter<Event>>;
  /** Newest first. */
  readonly list: () => Promise<readonly RunId[]>;
  /** `vault.run-unknown` when there is none. */
  readonly read: (run: RunId) => Promise<RunRecord<Event>>;
  readonly savePlan: (digest: Digest, plan: Plan) => Promise<void>;
  readonly readPlan: (digest: Digest) => Promise<Plan | null>;
}
