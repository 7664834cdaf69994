import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Digest, RunId } from '../model/ids.ts';
import { Secret } from '../model/secret.ts';
import { type FileSystem, realFileSystem } from './files.ts';
import { createRunStore } from './run-store.ts';

interface Event {
  seq: number;
  text: string;
}

const RUN = '20261121t101500z-3f9a1c' as RunId;
const LATER = '20261121t101501z-000000' as RunId;
const DIGEST = `sha256:${'ab'.repeat(32)}` as Digest;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keelson-runs-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function store(fs?: FileSystem) {
  return createRunStore<Event, unknown>({ folder, ...(fs === undefined ? {} : { fs }) });
}

function journal(): string {
  return join(folder, 'runs', `${RUN}.jsonl`);
}

async function written(...texts: string[]): Promise<void> {
  const writer = await store().open(RUN);
  for (const [index, text] of texts.entries()) await writer.append({ seq: index + 1, text });
  await writer.close();
}

describe('a journal', () => {
  it('gives back its events in order, and says what it is', async () => {
    await written('one', 'two\nlines', 'größe \u2028');
    expect(await store().read(RUN)).toEqual({
      run: RUN,
      events: [
        { seq: 1, text: 'one' },
        { seq: 2, text: 'two\nlines' },
        { seq: 3, text: 'größe \u2028' },
      ],
      torn: false,
      damagedLines: [],
    });
    expect(readFileSync(journal(), 'utf8').split('\n')[0]).toBe(`{"keelson":"journal","version":1,"run":"${RUN}"}`);
    expect(statSync(journal()).mode & 0o777).toBe(0o600);
  });

  it('keeps the order of events that come at once', async () => {
    const writer = await store().open(RUN);
    await Promise.all(Array.from({ length: 200 }, (_, seq) => writer.append({ seq, text: 'x' })));
    await writer.close();
    const { events } = await store().read(RUN);
    expect(events.map((event) => event.seq)).toEqual(Array.from({ length: 200 }, (_, seq) => seq));
  });

  it('has every event that was confirmed, after SIGKILL in the middle of the next', () => {
    const script = `
      const { createRunStore } = await import(${JSON.stringify(join(import.meta.dirname, 'run-store.ts'))});
      const writer = await createRunStore({ folder: ${JSON.stringify(folder)} }).open('${RUN}');
      for (let seq = 1; ; seq++) {
        if (seq === 40) setImmediate(() => process.kill(process.pid, 'SIGKILL'));
        await writer.append({ seq, text: 'x'.repeat(5000) });
        require('node:fs').writeSync(1, seq + '\\n');
      }`.replace("require('node:fs')", "(await import('node:fs'))");
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(child.signal).toBe('SIGKILL');
    const confirmed = Number(child.stdout.trim().split('\n').at(-1));
    expect(confirmed).toBeGreaterThanOrEqual(39);
    return expect(store().read(RUN)).resolves.toSatisfy(
      (record) => record.events.length >= confirmed && record.damagedLines.length === 0,
    );
  });

  it('is read up to a line that was cut off, wherever', async () => {
    await written('first', 'second');
    const { size } = statSync(journal());
    truncateSync(journal(), size - 1);
    expect(await store().read(RUN)).toMatchObject({ events: [{ seq: 1 }], torn: true, damagedLines: [] });
    truncateSync(journal(), size - 10);
    expect(await store().read(RUN)).toMatchObject({ events: [{ seq: 1 }], torn: true });
    truncateSync(journal(), 5);
    expect(await store().read(RUN)).toMatchObject({ events: [], torn: true });
  });

  it('is read around a damaged line, which is named', async () => {
    await written('first');
    appendFileSync(journal(), 'not json\n{"seq":2,"text":"second"}\n');
    expect(await store().read(RUN)).toMatchObject({ events: [{ seq: 1 }, { seq: 2 }], torn: false, damagedLines: [3] });
    appendFileSync(journal(), '\0\0\0\0\n');
    expect(await store().read(RUN)).toMatchObject({ events: [{ seq: 1 }, { seq: 2 }], torn: true, damagedLines: [3] });
  });

  it('is never opened twice, nor read in a newer version', async () => {
    await written('one');
    await expect(store().open(RUN)).rejects.toMatchObject({ code: 'vault.conflict' });
    writeFileSync(journal(), readFileSync(journal(), 'utf8').replace('"version":1', '"version":2'));
    await expect(store().read(RUN)).rejects.toMatchObject({ code: 'vault.version' });
  });

  it.each(['20261121t000000z-ffffff', '../plans/x', '..', '', 'A/B', '/etc/passwd'])(
    'of %j is unknown',
    async (run) => {
      await written('one');
      writeFileSync(join(folder, 'x.jsonl'), '{}\n');
      await expect(store().read(run as RunId)).rejects.toMatchObject({ code: 'vault.run-unknown' });
    },
  );

  it('takes nothing more once an event could not be written', async () => {
    let full = false;
    const disk: FileSystem = {
      ...realFileSystem,
      open: async (...args) => {
        const handle = await realFileSystem.open(...args);
        const datasync = handle.datasync.bind(handle);
        handle.datasync = () =>
          full ? Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' })) : datasync();
        return handle;
      },
    };
    const writer = await store(disk).open(RUN);
    await writer.append({ seq: 1, text: 'one' });
    full = true;
    await expect(writer.append({ seq: 2, text: 'two' })).rejects.toMatchObject({
      code: 'vault.write-failed',
      message: expect.stringContaining('no space is left on the disk'),
    });
    full = false;
    for (const seq of [3, 4]) {
      await expect(writer.append({ seq, text: 'after' })).rejects.toMatchObject({ code: 'vault.write-failed' });
    }
    await writer.close();
    expect((await store().read(RUN)).events.map((event) => event.seq)).not.toContain(3);
  });

  it('takes nothing more once it is closed', async () => {
    const writer = await store().open(RUN);
    await writer.close();
    await writer.close();
    for (const seq of [1, 2])
      await expect(writer.append({ seq, text: 'late' })).rejects.toMatchObject({ code: 'internal' });
  });

  it('never holds a secret', async () => {
    const writer = await createRunStore<unknown, unknown>({ folder }).open(RUN);
    await writer.append({ password: new Secret('hunter2') });
    await writer.close();
    expect(readFileSync(journal(), 'utf8')).not.toContain('hunter2');
  });
});

describe('the list of runs', () => {
  it('is newest first, without strange files', async () => {
    expect(await store().list()).toEqual([]);
    await written('one');
    await (await store().open(LATER)).close();
    writeFileSync(join(folder, 'runs', 'NOTES.jsonl'), '');
    writeFileSync(join(folder, 'runs', '20261121t101500z-3f9a1c.jsonl~'), '');
    expect(await store().list()).toEqual([LATER, RUN]);
  });
});

describe('a saved plan', () => {
  it('is found by its digest', async () => {
    expect(await store().readPlan(DIGEST)).toBeNull();
    await store().savePlan(DIGEST, { steps: ['one'] });
    expect(await store().readPlan(DIGEST)).toEqual({ steps: ['one'] });
    expect(readdirSync(join(folder, 'plans'))).toEqual([`${'ab'.repeat(32)}.json`]);
  });

  it('is refused when it is another’s or damaged', async () => {
    await store().savePlan(DIGEST, { steps: [] });
    const path = join(folder, 'plans', `${'ab'.repeat(32)}.json`);
    writeFileSync(path, readFileSync(path, 'utf8').replace('sha256:abab', 'sha256:cdcd'));
    await expect(store().readPlan(DIGEST)).rejects.toMatchObject({ code: 'vault.unreadable' });
    truncateSync(path, 20);
    await expect(store().readPlan(DIGEST)).rejects.toMatchObject({ code: 'vault.unreadable' });
    await expect(store().readPlan('sha256:../../x' as Digest)).rejects.toMatchObject({ code: 'internal' });
  });
});
