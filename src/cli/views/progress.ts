import type { RunEvent } from '../../model/events.ts';

/** Shows a run while it goes on. Whatever it does, it never throws into the run. */
export interface Progress {
  readonly event: (event: RunEvent) => void;
  /** A line that belongs to no step: machines that were not reached, a lock that was taken over. */
  readonly note: (text: string) => void;
  /** A signal came: how the run is being ended. */
  readonly stopping: (text: string) => void;
  /** Leaves the terminal as it was. May be called more than once. */
  readonly close: () => void;
}
