import type { RunEvent } from '../../model/events.ts';
import type { RunId } from '../../model/ids.ts';
import type { Plan } from '../../plan/types.ts';
import type { JournalWriter, RunStore } from '../../ports/run-store.ts';

export interface SimRunStoreWorld {
  /** They outlive the process. */
  journals: Map<RunId, RunEvent[]>;
  /** One call of a process to its own files. */
  call: <T>(what: string, effect: () => T) => Promise<T>;
  opened: (run: RunId) => void;
  note: (line: string) => void;
  violate: (what: string) => void;
}

/** Journals in memory. No key may ever come into one, or into a saved plan. */
export function simRunStore({ journals, call, opened, note, violate }: SimRunStoreWorld): RunStore<RunEvent, Plan> {
  function checkText(where: string, value: unknown): void {
    if (JSON.stringify(value).includes('PRIVATE KEY')) violate(`a private key lies in ${where}`);
  }

  function append(events: RunEvent[], event: RunEvent): void {
    events.push(event);
    checkText('a journal', event);
    if (event.type === 'step.finished' && 'error' in event)
      note(`step ${event.step} ${event.outcome}: ${event.error.code} ${event.error.message}`);
    if (event.type === 'run.finished')
      note(
        `run ${event.run} ${event.outcome}${event.error === undefined ? '' : `: ${event.error.code} ${event.error.message}`}`,
      );
  }

  return {
    open: (run) =>
      call('journal open', (): JournalWriter<RunEvent> => {
        const events: RunEvent[] = [];
        journals.set(run, events);
        opened(run);
        return {
          append: (event) => call(`journal ${event.type}`, () => append(events, event)),
          close: () => call('journal close', () => undefined),
        };
      }),
    list: () => call('journal list', () => [...journals.keys()].reverse()),
    read: (run) =>
      call('journal read', () => ({ run, events: journals.get(run) ?? [], torn: false, damagedLines: [] })),
    savePlan: (_digest, plan) => call('save plan', () => checkText('a saved plan', plan)),
    readPlan: () => call('read plan', () => null),
  };
}
