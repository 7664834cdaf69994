import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { KeelsonError } from '../model/errors.ts';
import { cannotRead, cannotWrite } from '../model/file-error.ts';
import type { Digest, RunId } from '../model/ids.ts';
import type { JournalWriter, RunRecord, RunStore } from '../ports/run-store.ts';
import {
  ensureFolder,
  errorCode,
  type FileSystem,
  readOptional,
  realFileSystem,
  syncFolder,
  writeAtomic,
} from './files.ts';
import { checkVersion, damaged, decodeHeader, decodePlan, encodeJournalHeader, encodePlan } from './records.ts';

export interface RunStoreOptions {
  /** `.keelson/<cluster>`: journals lie in `runs/`, plans in `plans/`. */
  folder: string;
  fs?: FileSystem;
}

const SUFFIX = '.jsonl';

export function createRunStore<Event, Plan>(options: RunStoreOptions): RunStore<Event, Plan> {
  const fs = options.fs ?? realFileSystem;
  const runs = join(options.folder, 'runs');
  const plans = join(options.folder, 'plans');
  return {
    open: (run) => openJournal<Event>(fs, runs, run),
    list: async () => {
      const names = await fs.readdir(runs).catch((error: unknown) => {
        if (errorCode(error) === 'ENOENT') return [];
        throw new KeelsonError('vault.unreadable', cannotRead(runs, error), { where: runs });
      });
      const ids = names.filter((name) => name.endsWith(SUFFIX)).map((name) => name.slice(0, -SUFFIX.length));
      return ids.filter(isRunId).sort().reverse();
    },
    read: (run) => readJournal<Event>(fs, runs, run),
    savePlan: async (digest, plan) => {
      await ensureFolder(fs, plans);
      await writeAtomic(fs, planPath(plans, digest), encodePlan(digest, plan));
    },
    readPlan: async (digest) => {
      const path = planPath(plans, digest);
      const text = await readOptional(fs, path);
      if (text === null) return null;
      const saved = decodePlan(text, path);
      if (saved.digest !== digest) throw damaged(path, `it holds the plan ${saved.digest}`);
      return saved.plan as Plan;
    },
  };
}

interface Pending {
  line: string;
  done: () => void;
  failed: (error: unknown) => void;
}

async function openJournal<Event>(fs: FileSystem, folder: string, run: RunId): Promise<JournalWriter<Event>> {
  if (!isRunId(run)) throw new KeelsonError('internal', `${JSON.stringify(run)} is not a run id.`);
  await ensureFolder(fs, folder);
  const path = join(folder, `${run}${SUFFIX}`);
  const handle = await fs.open(path, 'ax', 0o600).catch((error: unknown) => {
    if (errorCode(error) !== 'EEXIST') throw unwritable(path, error);
    throw new KeelsonError('vault.conflict', `The run ${run} has a journal already.`, { where: path });
  });
  await write(handle, path, `${encodeJournalHeader(run)}\n`);
  await syncFolder(fs, folder).catch((error: unknown) => {
    throw unwritable(path, error);
  });
  return journalWriter(handle, path);
}

/**
 * Events that come while a write is on its way to the disk are written together in the next one: many machines' steps then
 * share one sync.
 */
function journalWriter<Event>(handle: FileHandle, path: string): JournalWriter<Event> {
  let pending: Pending[] = [];
  let flushing: Promise<void> | null = null;
  let refusal: KeelsonError | null = null;

  async function flush(): Promise<void> {
    while (pending.length > 0) {
      const batch = pending;
      pending = [];
      try {
        // What came while an earlier write failed must not follow it: the system may have dropped that one.
        if (refusal !== null) throw refusal;
        await write(handle, path, batch.map((entry) => entry.line).join(''));
        for (const entry of batch) entry.done();
      } catch (error) {
        refusal = error instanceof KeelsonError ? error : unwritable(path, error);
        for (const entry of batch) entry.failed(refusal);
      }
    }
    flushing = null;
  }

  return {
    append: (event) =>
      new Promise((done, failed) => {
        if (refusal !== null) return failed(refusal);
        pending.push({ line: `${JSON.stringify(event)}\n`, done, failed });
        flushing ??= flush();
      }),
    close: async () => {
      await flushing;
      if (refusal?.code === 'internal') return;
      refusal ??= new KeelsonError('internal', `The journal ${path} is closed.`);
      await handle.close();
    },
  };
}

async function write(handle: FileHandle, path: string, text: string): Promise<void> {
  try {
    await handle.appendFile(text);
    await handle.datasync();
  } catch (error) {
    throw unwritable(path, error);
  }
}

async function readJournal<Event>(fs: FileSystem, folder: string, run: RunId): Promise<RunRecord<Event>> {
  const path = join(folder, `${run}${SUFFIX}`);
  const text = isRunId(run) ? await readOptional(fs, path) : null;
  if (text === null) throw new KeelsonError('vault.run-unknown', `There is no run ${JSON.stringify(run)}.`);
  const lines = text.split('\n');
  // Every whole line ends with a newline; what follows the last one was cut off.
  let torn = lines.pop() !== '';
  const header = lines.shift();
  if (header === undefined) return { run, events: [], torn: true, damagedLines: [] };
  checkVersion(decodeHeader(header, path).version, path);
  const events: Event[] = [];
  const damagedLines: number[] = [];
  for (const [index, line] of lines.entries()) {
    try {
      events.push(JSON.parse(line) as Event);
    } catch {
      damagedLines.push(index + 2);
    }
  }
  // A power cut can leave a last line of the right length with nothing in it.
  if (!torn && damagedLines.at(-1) === lines.length + 1) {
    damagedLines.pop();
    torn = true;
  }
  return { run, events, torn, damagedLines };
}

/** Run ids come from the command line, too, and must not lead out of the folder. */
function isRunId(text: string): text is RunId {
  return /^[0-9a-z]+(-[0-9a-z]+)*$/.test(text);
}

function planPath(folder: string, digest: Digest): string {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
  if (hex === undefined) throw new KeelsonError('internal', `${JSON.stringify(digest)} is not a digest.`);
  return join(folder, `${hex}.json`);
}

function unwritable(path: string, error: unknown): KeelsonError {
  return new KeelsonError('vault.write-failed', cannotWrite(path, error), {
    where: path,
    cause: error,
  });
}
