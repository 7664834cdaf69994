import { asKeelsonError } from '../model/errors.ts';
import type { RunEvent, RunEventBody } from '../model/events.ts';
import type { RunId } from '../model/ids.ts';
import type { Clock } from '../ports/clock.ts';
import type { LockHolder } from '../ports/host.ts';
import type { JournalWriter, RunStore } from '../ports/run-store.ts';

export interface RunJournal {
  writer: JournalWriter<RunEvent>;
  /** For a run that ended before the engine began, which writes its own end. */
  endEarly: (outcome: 'done' | 'failed' | 'cancelled', error?: unknown) => Promise<void>;
}

/** Before the lock: whatever ends the process from here on, `runs` tells of it and `lock` can say whose the lock was. */
export async function openJournal(
  from: { runStore: Pick<RunStore<RunEvent, unknown>, 'open'>; clock: Clock },
  run: RunId,
  cluster: string,
  owner: Omit<LockHolder, 'run' | 'fence' | 'since'>,
): Promise<RunJournal> {
  const writer = await from.runStore.open(run);
  const append = (seq: number, body: RunEventBody): Promise<void> =>
    writer.append({ seq, at: from.clock.now().toISOString(), run, ...body } as RunEvent);
  const { command, user, operator, ...process } = owner;
  await append(0, { type: 'run.opened', command, cluster, user, operator, process });
  return {
    writer,
    endEarly: async (outcome, error) => {
      const why = error === undefined ? {} : { error: asKeelsonError(error).toJSON() };
      await append(1, { type: 'run.finished', outcome, ...why });
    },
  };
}
