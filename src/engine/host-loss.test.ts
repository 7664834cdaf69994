import { describe, expect, it } from 'vitest';
import type { Finding } from '../model/finding.ts';
import { hostId, type RunId } from '../model/ids.ts';
import type { SafetyRule } from '../plan/types.ts';
import { type FakeOptions, type FakeStep, fakeRun } from '../testing/engine-fakes.ts';
import { executePlan } from './execute.ts';

function begin(steps: Readonly<Record<string, FakeStep>>, options: FakeOptions = {}) {
  const { plan, world } = fakeRun(steps, options);
  const cancel = new AbortController();
  const stop = new AbortController();
  const start = () => executePlan(plan, world.deps, { cancel: cancel.signal, stop: stop.signal });
  return { plan, world, cancel, stop, start, run: () => world.clock.drive(start()) };
}

function ends(outcome: Awaited<ReturnType<typeof executePlan>>) {
  return Object.fromEntries([...outcome.steps].map(([id, end]) => [id, end.outcome]));
}

function story(trace: readonly string[]) {
  return trace.filter((line) => !/^(journal|on disk|done)/.test(line));
}

const notes = (world: ReturnType<typeof begin>['world']) =>
  world.events.flatMap((e) => (e.type === 'step.note' ? [e.text] : []));

describe('a machine that is lost during a step', () => {
  it('when only the reply was lost: its number, its leftovers and its facts are looked at, and nothing is repeated', async () => {
    const { world, run } = begin({ a: {} });
    world.fate = () => 'lost-reply';
    expect(ends(await run())).toEqual({ a: 'changed' });
    expect(story(world.trace)).toEqual(['write h1 a', 'take h1', 'settle-units h1', 'read h1.files']);
    expect(notes(world)).toEqual(['waiting for h1 to return', 'h1 is back']);
  });

  it('when nothing was done: applies again after the same looks, as a new attempt in the journal', async () => {
    const { world, run } = begin({ a: { attempts: 1 } });
    world.fate = (_what, _on, attempt) => (attempt === 1 ? 'lost' : 'ok');
    expect(ends(await run())).toEqual({ a: 'changed' });
    expect(story(world.trace)).toEqual([
      'write h1 a',
      'take h1',
      'settle-units h1',
      'read h1.files',
      'write h1 a',
      'read h1.files',
    ]);
    expect(world.events.flatMap((e) => (e.type === 'step.started' ? [e.attempt] : []))).toEqual([1, 2]);
  });

  it('waits for it up to the limit, and lets its commands end before it looks', async () => {
    const { world, start } = begin({ a: {}, b: { needs: ['a'] } });
    world.fate = (what, _on, attempt) => {
      if (what === 'a' && attempt === 1) world.machine('h1').up = false;
      return 'ok';
    };
    const run = start();
    await world.clock.advance(50_000);
    world.machine('h1').lock.units.push({ name: 'keelson-run-1-a.service', state: 'ended', exitCode: 0 });
    world.machine('h1').up = true;
    expect(ends(await world.clock.drive(run))).toEqual({ a: 'changed', b: 'changed' });
    expect(notes(world)).toContain('h1: keelson-run-1-a.service had ended with exit code 0');
  });

  it('past the limit: the step is unknown, and the error names machine and step', async () => {
    const { world, run } = begin({ a: {}, b: { needs: ['a'] } }, { limits: { hostReturnMs: 30_000 } });
    world.fate = () => {
      world.machine('h1').up = false;
      return 'ok';
    };
    const outcome = await run();
    expect(ends(outcome)).toEqual({ a: 'unknown' });
    expect(outcome.outcome).toBe('failed');
    expect(outcome.error?.toJSON()).toMatchObject({
      code: 'step.host-lost',
      message: 'h1 did not return within 30 s',
      host: 'h1',
      step: 'do a on h1',
      output: 'h1: h1 does not answer',
    });
    expect(outcome.error?.exitCode).toBe(1);
    expect(world.clock.monotonicMs()).toBeGreaterThanOrEqual(30_000);
    expect(world.clock.monotonicMs()).toBeLessThan(33_000);
  });

  it('gives up on a machine that is lost again and again', async () => {
    const { world, run } = begin({ a: {} });
    world.fate = () => 'lost';
    const outcome = await run();
    expect(outcome.error).toMatchObject({ code: 'step.host-lost', message: 'h1 was lost again and again' });
    expect(ends(outcome)).toEqual({ a: 'unknown' });
    expect(world.writes()).toHaveLength(4);
  });

  it('does not disturb the steps of other machines', async () => {
    const { world, start } = begin({ a: {}, b: { on: 'h2' }, c: { on: 'h2', needs: ['b'] } });
    world.fate = (what, _on, attempt) => {
      if (what === 'a' && attempt === 1) world.machine('h1').up = false;
      return 'ok';
    };
    const run = start();
    await world.clock.advance(1000);
    expect(world.machine('h2').done).toEqual(new Set(['b', 'c']));
    world.machine('h1').up = true;
    expect(ends(await world.clock.drive(run))).toEqual({ a: 'changed', b: 'changed', c: 'changed' });
  });

  it('lets no step of ours run there while its commands are being ended', async () => {
    const { world, run } = begin({ a: {}, b: {} });
    world.writeMs = 20;
    world.fate = (what, _on, attempt) => (what === 'a' && attempt === 1 ? 'lost' : 'ok');
    const { trace } = world;
    expect(ends(await run())).toEqual({ a: 'changed', b: 'changed' });
    const begins = trace.indexOf('take h1');
    expect(trace.slice(begins, begins + 2)).toEqual(['take h1', 'settle-units h1']);
    expect(trace.indexOf('done h1 b')).toBeLessThan(begins);
  });

  it('during verification is waited for too, and the verification begins again', async () => {
    const { world, start } = begin({ a: { settleMs: 10_000 } });
    world.fate = () => 'no-effect';
    const run = start();
    await world.clock.advance(2000);
    world.machine('h1').up = false;
    await world.clock.advance(40_000);
    world.machine('h1').up = true;
    await world.clock.advance(5000);
    world.machine('h1').done.add('a');
    expect(ends(await world.clock.drive(run))).toEqual({ a: 'changed' });
    expect(world.writes()).toEqual(['write h1 a']);
  });

  it('during verification may have lost what was applied: it is applied again when the verdict says so', async () => {
    const { world, start } = begin({ a: { settleMs: 3000 } });
    world.fate = (_what, _on, attempt) => (attempt === 1 ? 'no-effect' : 'ok');
    const run = start();
    await world.clock.advance(1000);
    world.machine('h1').up = false;
    await world.clock.advance(5000);
    world.machine('h1').up = true;
    expect(ends(await world.clock.drive(run))).toEqual({ a: 'changed' });
    expect(world.writes()).toEqual(['write h1 a', 'write h1 a']);
  });

  it('another machine that a verdict rests on is waited for, unless the verdict turns out well without it', async () => {
    const { world, start } = begin({ a: { settleMs: 3000, reads: ['etcd'] } });
    world.fate = () => 'no-effect';
    const run = start();
    await world.clock.advance(500);
    world.machine('h2').up = false;
    await world.clock.advance(20_000);
    expect(notes(world)).toEqual(['waiting for h2 to return']);
    world.machine('h1').done.add('a');
    expect(ends(await world.clock.drive(run))).toEqual({ a: 'changed' });
    expect(world.clock.monotonicMs()).toBeLessThan(25_000);
  });

  it('only between two questions is looked at once more: what was unknown is not taken for a refusal', async () => {
    const { world, plan } = begin({ a: { risk: 'disruptive' } });
    const readView: typeof world.deps.readView = async (...args) => {
      world.machine('h1').up = world.trace.some((line) => line === 'read all');
      const view = await world.deps.readView(...args);
      world.machine('h1').up = true;
      return view;
    };
    const idle = new AbortController().signal;
    const outcome = await world.clock.drive(
      executePlan(plan, { ...world.deps, readView }, { cancel: idle, stop: idle }),
    );
    expect(ends(outcome)).toEqual({ a: 'changed' });
    expect(notes(world)).toEqual(['waiting: files of h1 could not be read: h1 does not answer']);
  });

  it('a machine that is still starting its services after its return gets more attempts', async () => {
    const { world, run } = begin({ a: { attempts: 1 } });
    world.fate = (_what, _on, attempt) => (attempt === 1 ? 'lost' : attempt < 5 ? 'fails' : 'ok');
    expect(ends(await run())).toEqual({ a: 'changed' });
    expect(world.writes()).toHaveLength(5);
  });

  it('the operator’s step that failed because a machine is away goes on when that is back', async () => {
    const { world, start } = begin({ a: { on: 'operator' } });
    world.machine('h3').up = false;
    world.fate = (_what, _on, attempt) => (attempt === 1 ? 'fails' : 'ok');
    const run = start();
    await world.clock.advance(10_000);
    expect(notes(world)).toEqual(['waiting for h3 to return']);
    world.machine('h3').up = true;
    expect(ends(await world.clock.drive(run))).toEqual({ a: 'changed' });
  });

  it('at the first signal is waited for no longer', async () => {
    const { world, cancel, start } = begin({ a: {} });
    world.fate = () => {
      world.machine('h1').up = false;
      return 'ok';
    };
    const run = start();
    await world.clock.advance(10_000);
    cancel.abort(new Error('SIGINT'));
    const outcome = await world.clock.drive(run, 10);
    expect(outcome).toMatchObject({
      outcome: 'cancelled',
      error: { code: 'interrupted', details: { host: 'h1', step: 'do a on h1' } },
    });
    expect(ends(outcome)).toEqual({ a: 'unknown' });
  });
});

describe('a machine that returns while the run is being interrupted', () => {
  it('with a higher number: the lock is lost, and that is what is said', async () => {
    const { world, plan } = begin({ a: {} });
    world.fate = () => 'lost';
    const cancel = new AbortController();
    const machines = new Map(
      [...world.deps.machines].map(([id, machine]) => [
        id,
        {
          ...machine,
          lock: {
            ...machine.lock,
            take: async () => {
              cancel.abort(new Error('SIGINT'));
              return { fence: 6, holder: null, last: null, units: [] };
            },
          },
        },
      ]),
    );
    const signals = { cancel: cancel.signal, stop: new AbortController().signal };
    const outcome = await world.clock.drive(executePlan(plan, { ...world.deps, machines }, signals));
    expect(outcome).toMatchObject({ outcome: 'failed', error: { code: 'lock.lost' } });
  });
});

describe('a machine that is away before a step that is not safe', () => {
  const finding: Finding = { code: 'safety.others-unhealthy', severity: 'error', message: 'h3 is ill', action: 'wait' };
  const h3Known: SafetyRule = (_step, view) =>
    view.facts.hosts.get(hostId('h3'))?.files.is === 'known' ? [] : [finding];

  it('is waited for instead of refusing, and all is read and asked again', async () => {
    const { world, start } = begin({ a: { risk: 'disruptive' } }, { rules: [h3Known] });
    world.machine('h3').up = false;
    const run = start();
    await world.clock.advance(45_000);
    expect(world.writes()).toEqual([]);
    world.machine('h3').up = true;
    expect(ends(await world.clock.drive(run))).toEqual({ a: 'changed' });
  });

  it('past the limit: nothing was done, and the error names it', async () => {
    const { world, run } = begin({ a: { risk: 'disruptive' } }, { rules: [h3Known] });
    world.machine('h3').up = false;
    const outcome = await run();
    expect(ends(outcome)).toEqual({ a: 'failed' });
    expect(outcome.error?.toJSON()).toMatchObject({ code: 'step.host-lost', host: 'h3', step: 'do a on h1' });
    expect(world.writes()).toEqual([]);
  });

  it('is not waited for when nothing rests on it', async () => {
    const { world, run } = begin({ a: { risk: 'disruptive' } });
    world.machine('h3').up = false;
    expect(ends(await run())).toEqual({ a: 'changed' });
    expect(world.clock.monotonicMs()).toBeLessThan(1000);
  });

  it('has as long for its member to come up as for itself once it was booted again', async () => {
    const { world, start } = begin(
      { a: { risk: 'disruptive' } },
      { rules: [() => (world.clock.monotonicMs() < 70_000 ? [finding] : [])] },
    );
    world.machine('h3').bootId = 'boot-2';
    const run = start();
    expect(ends(await world.clock.drive(run))).toEqual({ a: 'changed' });
  });

  it('but a refusal that does not pass ends the run after half a minute when nothing was booted', async () => {
    const { world, run } = begin({ a: { risk: 'disruptive' } }, { rules: [() => [finding]] });
    expect(await run()).toMatchObject({ outcome: 'failed', error: { code: 'safety.others-unhealthy' } });
    expect(world.clock.monotonicMs()).toBeLessThan(31_000);
    expect(world.writes()).toEqual([]);
  });
});

describe('the fencing number', () => {
  it('is brought to a machine that the lock did not reach, and its leftovers end, before the first write there', async () => {
    const { world, run } = begin({ a: { on: 'h3' }, b: { on: 'h1' } }, { locked: ['h1', 'h2'] });
    const old = { ...world.deps.holder, run: 'old' as RunId, fence: 3 };
    Object.assign(world.machine('h3').lock, {
      fence: 3,
      holder: old,
      units: [{ name: 'keelson-old-x.service', state: 'ended' }],
    });
    expect(ends(await run())).toEqual({ a: 'changed', b: 'changed' });
    expect(story(world.trace).filter((l) => l.includes('h3'))).toEqual([
      'take h3',
      'take h3',
      'settle-units h3',
      'read h3.files',
      'write h3 a',
      'read h3.files',
    ]);
    expect(world.machine('h3').lock).toMatchObject({ fence: 5, holder: { run: 'run-1' } });
    expect(world.trace).not.toContain('take h1');
  });

  it('that another run has raised meanwhile on a machine that returns ends the run: nothing more is written anywhere', async () => {
    const { world, start } = begin({ a: {}, b: { on: 'h2', needs: ['a'] }, c: { on: 'h3' } });
    world.fate = (what) => {
      if (what === 'c') return 'hangs';
      world.machine('h1').up = false;
      return 'ok';
    };
    const run = start();
    await world.clock.advance(5000);
    Object.assign(world.machine('h1').lock, {
      fence: 6,
      holder: { ...world.deps.holder, run: 'thief', user: 'bob', fence: 6 },
    });
    world.machine('h1').up = true;
    const outcome = await world.clock.drive(run);
    expect(outcome).toMatchObject({
      outcome: 'failed',
      error: { code: 'lock.lost', message: expect.stringContaining('bob@desk') },
    });
    expect(ends(outcome)).toEqual({ a: 'failed', c: 'unknown' });
    expect(world.writes()).toEqual(['write h1 a', 'write h3 c']);
  });

  it('is not needed on a machine that is not written to', async () => {
    const { world, run } = begin({ a: { on: 'h1' } }, { locked: ['h1', 'h2'] });
    await run();
    expect(world.trace.filter((l) => l.includes('h3'))).toEqual([]);
  });
});
