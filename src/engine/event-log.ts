import { KeelsonError } from '../model/errors.ts';
import type { RunEvent, RunEventBody } from '../model/events.ts';
import type { RunId, StepId } from '../model/ids.ts';
import type { Clock } from '../ports/clock.ts';
import type { JournalWriter } from '../ports/run-store.ts';
import { oneLine } from './one-line.ts';

export interface EventLog {
  /** Resolves when the event is on the disk. */
  readonly record: (body: RunEventBody) => Promise<void>;
  readonly note: (step: StepId, text: string) => void;
  /** Waits until all views have been told; what comes later is dropped. */
  readonly close: () => Promise<void>;
}

export interface EventLogOptions {
  run: RunId;
  clock: Clock;
  journal: JournalWriter<RunEvent>;
  emit: (event: RunEvent) => void;
  /** The journal cannot be written: nothing may happen any more. */
  onFailure: (error: unknown) => void;
}

export function eventLog({ run, clock, journal, emit, onFailure }: EventLogOptions): EventLog {
  let seq = 0;
  let closed = false;
  let told: Promise<void> = Promise.resolve();

  async function record(body: RunEventBody): Promise<void> {
    // A step that was given up at a stop may come here long after the run's end.
    if (closed) throw new KeelsonError('interrupted', 'the run has ended');
    seq += 1;
    const event = { seq, at: clock.now().toISOString(), run, ...body } as RunEvent;
    // Called at once, so that the journal's order is the order of the events.
    const written = append(event);
    const before = told;
    told = Promise.allSettled([before, written]).then(() => tell(event));
    try {
      await written;
    } catch (error) {
      onFailure(error);
      throw error;
    }
  }

  async function append(event: RunEvent): Promise<void> {
    await journal.append(event);
  }

  // A view that fails must not end a run on machines.
  function tell(event: RunEvent): void {
    try {
      emit(event);
    } catch {}
  }

  return {
    record,
    note: (step, text) => {
      // A failed append has already been told to `onFailure`.
      if (!closed) record({ type: 'step.note', step, text: oneLine(text) }).catch(() => {});
    },
    close: async () => {
      closed = true;
      await told;
    },
  };
}
