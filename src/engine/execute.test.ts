import { describe, expect, it } from 'vitest';
import type { Finding } from '../model/finding.ts';
import { hostId, type StepId } from '../model/ids.ts';
import type { SafetyRule } from '../plan/types.ts';
import { type FakeOptions, type FakeStep, fakeRun } from '../testing/engine-fakes.ts';
import { executePlan } from './execute.ts';

function signals() {
  return { cancel: new AbortController(), stop: new AbortController() };
}

function begin(steps: Readonly<Record<string, FakeStep>>, options: FakeOptions = {}) {
  const { plan, world } = fakeRun(steps, options);
  const { cancel, stop } = signals();
  const start = () => executePlan(plan, world.deps, { cancel: cancel.signal, stop: stop.signal });
  return { plan, world, cancel, stop, start, run: () => world.clock.drive(start()) };
}

function ends(outcome: Awaited<ReturnType<typeof executePlan>>) {
  return Object.fromEntries([...outcome.steps].map(([id, end]) => [id, end.outcome]));
}

const at = (trace: readonly string[], line: string) => {
  const index = trace.indexOf(line);
  if (index < 0) throw new Error(`“${line}” did not happen:\n${trace.join('\n')}`);
  return index;
};

const finding: Finding = { code: 'safety.quorum', severity: 'error', message: 'too few voters', action: 'wait' };

describe('executePlan: order', () => {
  it('obeys the needs, whatever the order of the list', async () => {
    const { world, run } = begin({ c: { needs: ['b'] }, b: { needs: ['a'] }, a: {} });
    expect(ends(await run())).toEqual({ a: 'changed', b: 'changed', c: 'changed' });
    expect(world.writes()).toEqual(['write h1 a', 'write h1 b', 'write h1 c']);
    expect(at(world.trace, 'on disk step.finished a')).toBeLessThan(at(world.trace, 'write h1 b'));
  });

  it('writes every step.started to the disk before any port is called for the step', async () => {
    const { world, run } = begin({ a: {}, b: { on: 'h2', risk: 'disruptive' }, c: { on: 'operator' } });
    await run();
    expect(at(world.trace, 'on disk step.started a')).toBeLessThan(at(world.trace, 'write h1 a'));
    expect(at(world.trace, 'on disk step.started b')).toBeLessThan(at(world.trace, 'read all'));
    expect(at(world.trace, 'on disk step.started c')).toBeLessThan(at(world.trace, 'write the operator c'));
  });

  it('does nothing on a machine when the journal cannot be written, and ends the run', async () => {
    const { world, run } = begin({ a: {}, b: { on: 'h2', needs: ['a'] } });
    world.journalFails = (event) => event.type === 'step.started';
    const outcome = await run();
    expect(outcome).toMatchObject({ outcome: 'failed', error: { code: 'vault.write-failed' } });
    expect(world.writes()).toEqual([]);
  });

  it('ends the run at once when the journal fails in the middle of a step', async () => {
    const { world, run } = begin({ a: { noteText: 'x' }, b: { on: 'h2' }, c: { on: 'h3', needs: ['b'] } });
    world.fate = (what) => (what === 'a' ? 'hangs' : 'ok');
    world.journalFails = (event) => event.type === 'step.note';
    const outcome = await run();
    expect(outcome).toMatchObject({ outcome: 'failed', error: { code: 'vault.write-failed' } });
    expect(ends(outcome)).toEqual({ a: 'unknown', b: 'unknown' });
    expect(world.clock.monotonicMs()).toBeLessThan(10);
  });

  it('numbers the events from 1 without a gap, tells the views the same, and ends with run.finished', async () => {
    const { world, run } = begin({ a: { noteText: 'one\u001b[31m two' }, b: {} });
    await run();
    expect(world.events.map((e) => e.seq)).toEqual(world.events.map((_, i) => i + 1));
    expect(world.events[0]).toMatchObject({
      type: 'run.started',
      cluster: 'lab',
      user: 'ann',
      command: 'apply',
      fence: 5,
    });
    expect(world.events.at(-1)).toMatchObject({ type: 'run.finished', outcome: 'done' });
    expect(world.events).toContainEqual(expect.objectContaining({ type: 'step.note', step: 'a', text: 'one two' }));
  });

  it('goes on when a view throws', async () => {
    const { plan, world } = begin({ a: {} });
    const deps = {
      ...world.deps,
      emit: () => {
        throw new Error('closed pipe');
      },
    };
    const { cancel, stop } = signals();
    const outcome = await world.clock.drive(executePlan(plan, deps, { cancel: cancel.signal, stop: stop.signal }));
    expect(outcome.outcome).toBe('done');
  });

  it.each<[string, Readonly<Record<string, FakeStep>>]>([
    ['needs one that is not there', { a: { needs: ['x'] } }],
    ['needs itself in a circle', { a: { needs: ['b'] }, b: { needs: ['a'] } }],
    ['names an unknown machine', { a: { on: 'h9' } }],
  ])('refuses a plan that %s, before anything happens', async (_name, steps) => {
    const { world, start } = begin(steps);
    await expect(start()).rejects.toMatchObject({ code: 'internal' });
    expect(world.trace).toEqual([]);
  });
});

describe('executePlan: side by side', () => {
  function mostAtOnce(trace: readonly string[], host?: string): number {
    let now = 0;
    let most = 0;
    for (const line of trace) {
      if (host !== undefined && !line.includes(` ${host} `)) continue;
      if (line.startsWith('write ')) now += 1;
      if (line.startsWith('done ')) now -= 1;
      most = Math.max(most, now);
    }
    return most;
  }

  const six = Object.fromEntries(
    ['a', 'b', 'c', 'd', 'e', 'f'].map((name, i): [string, FakeStep] => [name, { on: i < 4 ? 'h1' : 'h2' }]),
  );

  it.each([
    [{ steps: 8, stepsPerHost: 4 }, 6, 4],
    [{ steps: 3, stepsPerHost: 4 }, 3, 3],
    [{ steps: 8, stepsPerHost: 1 }, 2, 1],
  ])('with limits %j runs %i at once, %i of them on one machine', async (limits, all, one) => {
    const { world, run } = begin(six, { limits });
    expect((await run()).outcome).toBe('done');
    expect(mostAtOnce(world.trace)).toBe(all);
    expect(mostAtOnce(world.trace, 'h1')).toBe(one);
  });

  it('runs the operator’s own steps one at a time', async () => {
    const { world, run } = begin({ a: { on: 'operator' }, b: { on: 'operator' } });
    await run();
    expect(mostAtOnce(world.trace)).toBe(1);
  });

  it('runs a step that is not safe with no other beside it', async () => {
    const { world, run } = begin({
      a: { on: 'h1' },
      b: { on: 'h2', risk: 'disruptive' },
      c: { on: 'h3', risk: 'destructive' },
      d: { on: 'h3', needs: ['b'] },
    });
    expect((await run()).outcome).toBe('done');
    const turns = world.events.flatMap((e) =>
      e.type === 'step.started' || e.type === 'step.finished' ? [`${e.type} ${e.step}`] : [],
    );
    for (const careful of ['b', 'c']) {
      expect(turns.indexOf(`step.finished ${careful}`)).toBe(turns.indexOf(`step.started ${careful}`) + 1);
    }
  });
});

describe('executePlan: what is looked at before a step', () => {
  it('runs a safe step straight from the view of the plan', async () => {
    const { world, run } = begin({ a: {} });
    await run();
    expect(world.trace.slice(0, at(world.trace, 'write h1 a')).filter((l) => l.startsWith('read'))).toEqual([]);
    expect(world.trace.filter((l) => l.startsWith('read'))).toEqual(['read h1.files']);
  });

  it('reads what a safe step rests on again when a step that it needs has changed something since', async () => {
    const { world, run } = begin({
      a: { on: 'h1' },
      b: { on: 'h2', needs: ['a'], reads: ['etcd'] },
      c: { on: 'h2', needs: ['b'], reads: ['vault'] },
      d: { on: 'operator', needs: ['c'] },
      e: { on: 'h2', needs: ['d'], reads: ['vault'] },
    });
    await run();
    const reads = world.trace.filter((l) => l.startsWith('read'));
    // A step on a machine may change that machine and etcd, one of the operator's the vault and etcd: before b only etcd is as old as that,
    // before c nothing, and what is read after d serves e as well.
    expect(reads).toEqual([
      'read h1.files',
      'read etcd',
      'read h2.files etcd',
      'read h2.files vault',
      'read vault',
      'read h2.files vault',
    ]);
  });

  it('leaves a safe step undone that has become right through the steps before it', async () => {
    const { world, run } = begin({ a: {}, b: { needs: ['a'] } });
    world.machine('h1').done.add('b');
    expect(ends(await run())).toEqual({ a: 'changed', b: 'already-right' });
    expect(world.writes()).toEqual(['write h1 a']);
  });

  it('also when the step between changed nothing', async () => {
    const { world, run } = begin({ a: {}, b: { needs: ['a'] }, c: { needs: ['b'] } });
    world.machine('h1').done.add('b');
    world.machine('h1').done.add('c');
    expect(ends(await run())).toEqual({ a: 'changed', b: 'already-right', c: 'already-right' });
  });

  it('reads all facts again before a step that is not safe, and leaves it undone when it is right already', async () => {
    const { world, run } = begin({ a: { risk: 'disruptive' } });
    world.machine('h1').done.add('a');
    expect(ends(await run())).toEqual({ a: 'already-right' });
    expect(world.trace).toContain('read all');
    expect(world.writes()).toEqual([]);
  });

  it('asks every rule again before a step that is not safe, on fresh facts, and never for a safe one', async () => {
    const asked: string[] = [];
    const rule: SafetyRule = (step, view) => {
      const files = view.facts.hosts.get(hostId('h1'))?.files;
      const done = files?.is === 'known' ? (files.value as unknown as { done: Set<string> }).done : new Set();
      asked.push(`${step.id} sees ${[...done].join()}`);
      return [];
    };
    const { run } = begin({ a: {}, b: { risk: 'disruptive', needs: ['a'] } }, { rules: [rule] });
    await run();
    expect(asked).toEqual(['b sees a']);
  });

  it('ends the run with the rule’s code when a rule refuses, and nothing is done', async () => {
    const warning: Finding = { ...finding, severity: 'warning' };
    const { world, run } = begin({ a: { risk: 'disruptive' } }, { rules: [() => [warning], () => [finding]] });
    const outcome = await run();
    expect(outcome).toMatchObject({ outcome: 'failed', error: { code: 'safety.quorum', message: 'too few voters' } });
    expect(outcome.error?.toJSON()).toMatchObject({
      host: 'h1',
      step: 'do a on h1',
      action: 'wait',
      findings: [finding],
    });
    expect(world.writes()).toEqual([]);
  });

  it('lets a warning of a rule pass', async () => {
    const { run } = begin({ a: { risk: 'disruptive' } }, { rules: [() => [{ ...finding, severity: 'warning' }]] });
    expect((await run()).outcome).toBe('done');
  });

  it('waits a while for a rule’s refusal to pass: a member that was just restarted elects a leader first', async () => {
    let asked = 0;
    const { world, run } = begin({ a: { risk: 'disruptive' } }, { rules: [() => (++asked < 4 ? [finding] : [])] });
    expect(ends(await run())).toEqual({ a: 'changed' });
    expect(world.trace.filter((l) => l === 'read all')).toHaveLength(4);
    expect(world.events).toContainEqual(
      expect.objectContaining({ type: 'step.note', text: 'waiting: too few voters' }),
    );
  });

  it('ends with the verdict’s code when a step is blocked', async () => {
    const blocked: Finding = { ...finding, code: 'etcd.kubeadm-refuses' };
    const { world, run } = begin({ a: { risk: 'disruptive', blocked } });
    expect(await run()).toMatchObject({ outcome: 'failed', error: { code: 'etcd.kubeadm-refuses' } });
    expect(world.clock.monotonicMs()).toBeLessThan(1000);
    expect(world.writes()).toEqual([]);
  });

  it('does not do what has become riskier than the plan said', async () => {
    const { world, run } = begin({ a: {}, b: { needs: ['a'], riskNow: 'disruptive' } });
    expect(await run()).toMatchObject({ outcome: 'failed', error: { code: 'step.riskier' } });
    expect(world.writes()).toEqual(['write h1 a']);
  });

  it('but does it in the run that founds the cluster, until the handover', async () => {
    const { plan, world } = begin({ a: {}, b: { needs: ['a'], riskNow: 'disruptive' } });
    world.phase = 'founded';
    const view = { ...world.deps.view, desired: { cluster: { phase: 'founding' } } } as typeof world.deps.view;
    const { cancel, stop } = signals();
    const run = executePlan(plan, { ...world.deps, view }, { cancel: cancel.signal, stop: stop.signal });
    expect((await world.clock.drive(run)).outcome).toBe('done');
  });
});

describe('executePlan: verification and retries', () => {
  it('polls the verdict until it is satisfied, ever more slowly', async () => {
    const { world, start } = begin({ a: { settleMs: 20_000 } });
    world.fate = () => 'no-effect';
    const run = start();
    await world.clock.advance(5000);
    world.machine('h1').done.add('a');
    expect(ends(await world.clock.drive(run))).toEqual({ a: 'changed' });
    const polls = world.trace.filter((l) => l === 'read h1.files').length;
    expect(polls).toBeGreaterThan(8);
    expect(polls).toBeLessThan(20);
  });

  it('fails with what remains when it is not so in time, and starts nothing that needs it', async () => {
    const { world, run } = begin({ a: { settleMs: 3000 }, b: { needs: ['a'] } });
    world.fate = () => 'no-effect';
    const outcome = await run();
    expect(outcome.error?.toJSON()).toMatchObject({
      code: 'step.not-settled',
      message: 'applied, and after 3 s still not so: a is missing',
      host: 'h1',
      step: 'do a on h1',
    });
    expect(ends(outcome)).toEqual({ a: 'failed' });
    expect(world.events.at(-1)).toMatchObject({
      type: 'run.finished',
      outcome: 'failed',
      error: { code: 'step.not-settled' },
    });
    expect(world.writes()).toEqual(['write h1 a']);
  });

  it('tries again as often as the step allows, with a look between and each attempt in the journal', async () => {
    const { world, run } = begin({ a: { attempts: 3 } });
    world.fate = (_what, _on, attempt) => (attempt < 3 ? 'fails' : 'ok');
    expect(ends(await run())).toEqual({ a: 'changed' });
    const story = world.trace.filter((l) => /^(on disk step.started|write|read)/.test(l));
    expect(story).toEqual([
      'on disk step.started a',
      'write h1 a',
      'read h1.files',
      'on disk step.started a',
      'write h1 a',
      'read h1.files',
      'on disk step.started a',
      'write h1 a',
      'read h1.files',
    ]);
    expect(world.events.flatMap((e) => (e.type === 'step.started' ? [e.attempt] : []))).toEqual([1, 2, 3]);
  });

  it('does not apply again what the failed attempt has done after all', async () => {
    const { world, run } = begin({ a: { attempts: 3 } });
    world.fate = () => {
      world.machine('h1').done.add('a');
      return 'fails';
    };
    expect(ends(await run())).toEqual({ a: 'changed' });
    expect(world.writes()).toEqual(['write h1 a']);
  });

  it('gives up after the last attempt with the error itself', async () => {
    const { world, run } = begin({ a: { attempts: 2 } });
    world.fate = () => 'fails';
    expect(await run()).toMatchObject({
      outcome: 'failed',
      error: { code: 'host.command-failed', message: 'a failed' },
    });
    expect(world.writes()).toHaveLength(2);
  });

  it('lets steps that are running end after a failure, and starts no other', async () => {
    const { world, run } = begin({ a: {}, b: { on: 'h2', settleMs: 5000 }, c: { on: 'h3', needs: ['b'] } });
    world.fate = (what) => (what === 'a' ? 'fails' : 'no-effect');
    const done = run();
    await world.clock.advance(500);
    world.machine('h2').done.add('b');
    const outcome = await done;
    expect(ends(outcome)).toEqual({ a: 'failed', b: 'changed' });
    expect(outcome.error?.details.step).toBe('do a on h1');
    expect(outcome.steps.has('c' as StepId)).toBe(false);
  });

  it('asks the rules again before each attempt of a step that is not safe', async () => {
    let asked = 0;
    const rule: SafetyRule = () => {
      asked += 1;
      return asked === 1 ? [] : [finding];
    };
    const { world, run } = begin({ a: { risk: 'disruptive', attempts: 3 } }, { rules: [rule] });
    world.fate = () => 'fails';
    expect(await run()).toMatchObject({ error: { code: 'safety.quorum' } });
    expect(world.writes()).toHaveLength(1);
  });
});

describe('executePlan: interruption', () => {
  it('at the first signal lets running steps end and starts no other', async () => {
    const { world, cancel, start } = begin({ a: {}, b: { needs: ['a'] } });
    const run = start();
    await world.clock.advance(5);
    expect(world.writes()).toEqual(['write h1 a']);
    cancel.abort();
    const outcome = await world.clock.drive(run);
    expect(outcome).toMatchObject({ outcome: 'cancelled', error: { code: 'interrupted', exitCode: 130 } });
    expect(ends(outcome)).toEqual({ a: 'changed' });
    expect(world.events.at(-1)).toMatchObject({ type: 'run.finished', outcome: 'cancelled' });
  });

  it('is done, not cancelled, when nothing was left to do', async () => {
    const { world, cancel, start } = begin({ a: {} });
    const run = start();
    await world.clock.advance(5);
    cancel.abort();
    expect((await world.clock.drive(run)).outcome).toBe('done');
  });

  it('does not try again after the signal', async () => {
    const { world, cancel, start } = begin({ a: { attempts: 5 } });
    world.fate = () => 'fails';
    const run = start();
    await world.clock.advance(5);
    cancel.abort();
    expect(await world.clock.drive(run)).toMatchObject({ outcome: 'failed', error: { code: 'host.command-failed' } });
    expect(world.writes()).toHaveLength(1);
  });

  it('at the second signal ends at once, even when a machine never answers, and records the running steps as unknown', async () => {
    const { world, stop, start } = begin({ a: {}, b: { on: 'h2' }, c: { needs: ['a'] } });
    world.fate = () => 'hangs';
    const run = start();
    await world.clock.advance(100);
    const writes = world.writes().length;
    stop.abort();
    const outcome = await world.clock.drive(run, 10);
    expect(outcome).toMatchObject({ outcome: 'cancelled', error: { code: 'interrupted', exitCode: 130 } });
    expect(ends(outcome)).toEqual({ a: 'unknown', b: 'unknown' });
    expect(world.trace).toContain('on disk step.finished a');
    expect(world.events.at(-1)).toMatchObject({ type: 'run.finished', outcome: 'cancelled' });
    await world.clock.advance(100_000);
    expect(world.writes()).toHaveLength(writes);
    expect(world.events.at(-1)?.type).toBe('run.finished');
  });

  it('after the second signal sends nothing more, even when adapter and step overlook it', async () => {
    const { world, stop, start } = begin({ a: { writes: 2, hidesErrors: true } });
    world.fate = () => 'deaf';
    world.writeMs = 1000;
    const run = start();
    await world.clock.advance(100);
    stop.abort();
    await world.clock.advance(5000);
    expect((await run).outcome).toBe('cancelled');
    expect(world.writes()).toEqual(['write h1 a']);
    expect(world.trace).toContain('done h1 a');
  });

  it('at the first signal stops waiting for a rule’s refusal to pass', async () => {
    const { world, cancel, start } = begin({ a: { risk: 'disruptive' } }, { rules: [() => [finding]] });
    const run = start();
    await world.clock.advance(3000);
    cancel.abort();
    const outcome = await world.clock.drive(run);
    expect(outcome).toMatchObject({
      outcome: 'cancelled',
      error: { message: 'interrupted while waiting: too few voters' },
    });
    expect(ends(outcome)).toEqual({ a: 'failed' });
    expect(world.clock.monotonicMs()).toBeLessThan(6000);
  });

  it('ends at once when the lock is lost: the step that found out failed, the others are unknown', async () => {
    const { world, run } = begin({ a: {}, b: { on: 'h2' }, c: { needs: ['a'] } });
    world.fate = (what) => (what === 'a' ? 'lock-lost' : 'hangs');
    const outcome = await run();
    expect(outcome).toMatchObject({ outcome: 'failed', error: { code: 'lock.lost', exitCode: 4 } });
    expect(ends(outcome)).toEqual({ a: 'failed', b: 'unknown' });
    expect(world.writes()).toEqual(['write h1 a', 'write h2 b']);
  });

  it('ends at once when the lock is lost, even when the step hides it', async () => {
    const { world, run } = begin({ a: { hidesErrors: true, settleMs: 5000 }, b: { on: 'h2' } });
    world.fate = (what) => (what === 'a' ? 'lock-lost' : 'hangs');
    expect(ends(await run())).toEqual({ a: 'failed', b: 'unknown' });
    expect(world.clock.monotonicMs()).toBeLessThan(100);
  });
});
