import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Outcome, outcomeOf, remainsOf } from './aftermath.ts';
import { createTestCluster, type TestCluster } from './harness.ts';
import { ended, type Ran } from './keelson-process.ts';
import { ofAll } from './machine-state.ts';

// The machines of all labs in this file have the same names and addresses, one lab after the other: their outcomes compare as text.
const machines = [0, 1, 2].map((n) => ({ name: `etcd-${n}`, address: `10.79.1.1${n}` }));

interface Event {
  type: string;
  step?: string;
  outcome?: string;
  plan?: { steps: readonly unknown[] };
}

function eventOf(line: string): Event | null {
  try {
    return JSON.parse(line) as Event;
  } catch {
    return null;
  }
}

/** `apply --yes`, killed as soon as an event fits; the event's run may already be further. */
async function killedAt(cluster: TestCluster, fits: (event: Event) => boolean): Promise<Ran> {
  const running = cluster.start(['apply', '--yes', '-o', 'json'], {
    onLine: (line) => {
      const event = eventOf(line);
      if (event !== null && fits(event)) running.kill('SIGKILL');
    },
  });
  return running.done;
}

const KILLED = 137;

async function newCluster(): Promise<TestCluster> {
  const cluster = await createTestCluster({ name: 'e2e-killed', machines });
  await cluster.keelsonEnds(0, ['hosts', 'trust', '--yes']);
  return cluster;
}

async function expectConverged(cluster: TestCluster, control: Readonly<Record<string, Outcome>>): Promise<void> {
  await cluster.keelsonEnds(0, ['plan', '--detailed-exitcode']);
  const status = await cluster.document(0, ['status']);
  expect(status.etcd.quorum).toMatchObject({ voters: 3, healthy: 3, tolerates: 1 });
  expect(await remainsOf(cluster)).toEqual([]);
  expect(await ofAll(cluster.machines(), outcomeOf)).toEqual(control);
}

describe('an installation that is killed', () => {
  let control: Readonly<Record<string, Outcome>>;
  let open: TestCluster | undefined;
  beforeAll(async () => {
    open = await newCluster();
    await open.keelsonEnds(0, ['apply', '--yes']);
    control = await ofAll(open.machines(), outcomeOf);
    await open[Symbol.asyncDispose]();
    open = undefined;
  });
  afterAll(() => open?.[Symbol.asyncDispose]());

  it('after every single step, again and again, ends as one that was never disturbed', async () => {
    open = await newCluster();
    const finished: string[] = [];
    let last: Ran;
    do {
      let done = false;
      last = await killedAt(open, (event) => {
        if (event.type !== 'step.finished' || event.outcome !== 'changed' || done) return false;
        done = true;
        finished.push(event.step ?? '');
        return true;
      });
      expect([0, KILLED], last.stderr.slice(-2000)).toContain(last.exitCode);
    } while (last.exitCode === KILLED && finished.length < 60);
    expect(last.exitCode).toBe(0);
    // Steps of three machines end side by side, so that one kill may follow up to three of them: 23 steps are at least 8 kills.
    expect(new Set(finished).size).toBeGreaterThanOrEqual(8);
    await expectConverged(open, control);
    await open[Symbol.asyncDispose]();
    open = undefined;
  });

  it('inside every remote write, one after the other, ends as one that was never disturbed', async () => {
    open = await newCluster();
    const folder = mkdtempSync(join(tmpdir(), 'keelson-killer-'));
    const program = join(folder, 'ssh');
    writeFileSync(program, wrapper());
    chmodSync(program, 0o755);
    // Each run is killed in its first write; where the next run has as much to do as the last one, in its second, and so on: every
    // write of every step is cut once before what follows it is reached.
    let runs = 0;
    let killAt = 1;
    let steps = Number.POSITIVE_INFINITY;
    let last: Ran;
    do {
      runs += 1;
      let planned = 0;
      last = await open.start(['apply', '--yes', '-o', 'json'], {
        env: {
          PATH: `${folder}:${process.env.PATH ?? ''}`,
          KILL_COUNTER: join(folder, `count-${runs}`),
          KILL_AT: String(killAt),
          KILL_AFTER_MS: String((runs * 7) % 40),
        },
        onLine: (line) => {
          const event = eventOf(line);
          if (event?.type === 'run.started') planned = event.plan?.steps.length ?? 0;
        },
      }).done;
      expect([0, KILLED], last.stderr.slice(-2000)).toContain(last.exitCode);
      killAt = planned < steps ? 1 : killAt + 1;
      steps = planned;
    } while (last.exitCode === KILLED && runs < 150);
    expect(last.exitCode).toBe(0);
    expect(runs).toBeGreaterThan(20);
    rmSync(folder, { recursive: true, force: true });
    await expectConverged(open, control);
    await open[Symbol.asyncDispose]();
    open = undefined;
  }, 1_200_000);

  it('SIGINT ends it at a safe boundary and gives the lock back; the next apply goes on', async () => {
    open = await newCluster();
    const { ran, events } = await interrupted(open, 1);
    ended(ran, 130);
    // What was begun has ended, and nothing was begun afterwards.
    const started = events.filter((e) => e.type === 'step.started').map((e) => e.step);
    const finished = events.filter((e) => e.type === 'step.finished').map((e) => e.step);
    expect(new Set(finished)).toEqual(new Set(started));
    expect(events.at(-1)).toMatchObject({ type: 'run.finished', outcome: 'cancelled' });
    const lock = await open.document(0, ['lock']);
    expect(lock.holder).toBeNull();
    await open.keelsonEnds(2, ['plan', '--detailed-exitcode']);
  });

  it('a second SIGINT stops it at once, and the next apply finishes', async () => {
    if (open === undefined) throw new Error('the case before has failed');
    const { ran } = await interrupted(open, 2);
    ended(ran, 130);
    await open.keelsonEnds(0, ['apply', '--yes']);
    await expectConverged(open, control);
  });
});

function wrapper(): string {
  const script = join(import.meta.dirname, 'ssh-that-kills.ts');
  return `#!/bin/sh\ncase " $* " in *" -O "*|*" -V "*) exec /usr/bin/ssh "$@";; esac\nexec '${process.execPath}' '${script}' "$@"\n`;
}

async function interrupted(cluster: TestCluster, times: number): Promise<{ ran: Ran; events: Event[] }> {
  const events: Event[] = [];
  let sent = 0;
  const running = cluster.start(['apply', '--yes', '-o', 'json'], {
    onLine: (line) => {
      const event = eventOf(line);
      if (event === null || typeof event.type !== 'string') return;
      events.push(event);
      if (event.type !== 'step.started' || sent > 0) return;
      sent = times;
      running.kill('SIGINT');
      if (times > 1) setTimeout(() => running.kill('SIGINT'), 50);
    },
  });
  return { ran: await running.done, events };
}
