import { KeelsonError } from '../model/errors.ts';
import type { RunEvent } from '../model/events.ts';
import type { RunId } from '../model/ids.ts';
import type { Plan } from '../plan/types.ts';
import type { RunRecord, RunStore } from '../ports/run-store.ts';
import { createRunStore } from '../vault/run-store.ts';
import { locate, type OpenOptions } from './context.ts';

export { type ProcessState, processStates } from './local.ts';
export type { RunRecord };

type Runs = Pick<RunStore<RunEvent, Plan>, 'list' | 'read'>;

/** The journals of the configuration's cluster; nothing else is opened, and no machine is reached. */
export async function openRuns(options: OpenOptions): Promise<Runs> {
  const { vaultFolder } = await locate(options);
  return createRunStore<RunEvent, Plan>({ folder: vaultFolder });
}

/** Journals read at a time: a vault may hold years of them. */
const AT_A_TIME = 16;

/** The newest runs, newest first. One whose journal cannot be read any more stands there without events. */
export async function listRuns(store: Runs, limit = Number.POSITIVE_INFINITY): Promise<readonly RunRecord<RunEvent>[]> {
  const ids = (await store.list()).slice(0, limit);
  const records: RunRecord<RunEvent>[] = [];
  for (let n = 0; n < ids.length; n += AT_A_TIME) {
    const some = ids.slice(n, n + AT_A_TIME).map((id) => readLeniently(store, id));
    records.push(...(await Promise.all(some)));
  }
  return records;
}

async function readLeniently(store: Runs, run: RunId): Promise<RunRecord<RunEvent>> {
  try {
    return await store.read(run);
  } catch {
    return { run, events: [], torn: true, damagedLines: [] };
  }
}

/** `last` is the newest run. Rejects with `vault.run-unknown`. */
export async function readRun(store: Runs, id: string): Promise<RunRecord<RunEvent>> {
  if (id !== 'last') return store.read(id as RunId);
  const [newest] = await store.list();
  if (newest === undefined) throw new KeelsonError('vault.run-unknown', 'There is no run yet.');
  return store.read(newest);
}
