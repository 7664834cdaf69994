import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { digestOf } from '../model/canonical-json.ts';
import { KeelsonError } from '../model/errors.ts';
import type { Finding } from '../model/finding.ts';
import { type HostId, hostId, type RunId } from '../model/ids.ts';
import { Secret } from '../model/secret.ts';
import type { Context, OpenOptions } from '../operations/context.ts';
import type { makePlan, RunRequest, runPlan } from '../operations/run.ts';
import type { Plan, PlanResult } from '../plan/types.ts';
import type { LockHolder } from '../ports/host.ts';
import { type Interruption, interruption } from './interruption.ts';
import { type Io, recorder } from './io.ts';
import { main } from './main.ts';
import type { Prompter } from './prompter.ts';
import { checkReport, refusal, runEvents, plan as somePlan, statusReport } from './testing/reports.ts';

// The operations themselves are replaced: what is tested here is what the commands make of their answers.

const hosts = ['etcd-0', 'etcd-1', 'etcd-2'];
const digest = digestOf('configuration');
const sealed = (steps: Plan['steps'], config = digest): Plan => {
  const intent = { kind: 'apply' } as const;
  return {
    digest: digestOf({ intent, config, steps }),
    intent,
    basis: { config, at: '2026-11-21T10:15:00.000Z' },
    steps,
  };
};

const fake = vi.hoisted(() => ({
  closed: 0,
  intents: [] as unknown[],
  approved: [] as unknown[],
  plan: null as unknown,
  run: null as unknown,
  status: null as unknown,
  check: null as unknown,
  fit: (): void => undefined,
  unfit: [] as readonly Finding[],
  holder: null as LockHolder | null,
  opened: async (_ask: OpenOptions['askPassword']): Promise<object> => ({}),
}));

/** A machine's lock, that nobody holds or that a test has given to somebody. */
function lockOf(host: string) {
  return { id: hostId(host), state: async () => ({ fence: 1, holder: fake.holder, last: null, units: [] }) };
}
const somebody: LockHolder = {
  run: '20261121t101500z-3f9a1c' as RunId,
  command: 'apply',
  user: 'ops',
  operator: 'desk',
  operatorMachineId: 'm',
  operatorBootId: 'b',
  pid: 1,
  pidStart: '1',
  since: '2026-11-21T10:15:00.000Z',
  fence: 1,
};

vi.mock('../operations/context.ts', () => ({
  openContext: async ({ former = [], askPassword }: OpenOptions): Promise<Partial<Context>> => ({
    ...(await fake.opened(askPassword)),
    subject: {
      config: {
        metadata: { name: 'lab' },
        spec: {
          etcd: { topology: 'external' },
          hosts: hosts.map((name) => ({ name, address: '10.0.0.1', roles: ['etcd'] })),
        },
      },
      configDigest: digest,
    } as unknown as Context['subject'],
    config: { metadata: { name: 'lab' } } as Context['config'],
    ports: {
      machines: new Map([...hosts, ...former].map((h) => [hostId(h), { lock: lockOf(h) }])),
      clock: { now: () => new Date('2026-11-21T10:15:00.000Z') },
    } as unknown as Context['ports'],
    operator: async () => ({ isDead: () => false }) as unknown as Awaited<ReturnType<Context['operator']>>,
    [Symbol.asyncDispose]: async () => {
      fake.closed += 1;
    },
  }),
}));

vi.mock('../operations/run.ts', async (original) => ({
  ...(await original<object>()),
  makePlan: (async (_subject, _ports, intent) => {
    fake.intents.push(intent);
    return { result: fake.plan } as Awaited<ReturnType<typeof makePlan>>;
  }) satisfies typeof makePlan,
  runPlan: (async (_subject, _ports, _operator, request) => {
    fake.approved.push(request.approved);
    return (fake.run as (request: RunRequest) => ReturnType<typeof runPlan>)(request);
  }) satisfies typeof runPlan,
}));

vi.mock('../operations/status.ts', () => ({ readStatus: async () => fake.status }));
vi.mock('../operations/check.ts', () => ({
  runCheck: async () => fake.check,
  mustBeFit: async () => fake.fit(),
  unfitFindings: async () => fake.unfit,
}));

const good = (plan: Plan): PlanResult => ({ ok: true, plan, warnings: [] });
const full = sealed(somePlan.steps);
const none = sealed([]);

const folder = mkdtempSync(join(tmpdir(), 'keelson-commands-'));
afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(() => {
  Object.assign(fake, {
    closed: 0,
    intents: [],
    approved: [],
    plan: good(full),
    status: statusReport,
    check: checkReport,
    unfit: [],
    holder: null,
  });
  fake.fit = () => undefined;
  fake.opened = async () => ({});
  fake.run = async ({ emit }: RunRequest) => {
    for (const { seq, at, run, ...body } of runEvents())
      emit({ seq, at, run, ...(body.type === 'run.finished' ? { type: 'run.finished', outcome: 'done' } : body) });
    return { outcome: 'done' };
  };
});

interface Ran {
  code: number;
  out: string;
  err: string;
}

async function keelson(
  argv: readonly string[],
  answers: Partial<Prompter> | null = null,
  ending: Interruption = interruption(),
): Promise<Ran> {
  const [stdout, stderr] = [recorder(), recorder()];
  const io: Io = {
    stdout,
    stderr,
    readStdin: async () => '',
    interactive: answers !== null,
    env: {},
    now: () => new Date('2026-11-21T10:15:00.000Z'),
    monotonicMs: () => 0,
  };
  const unasked = () => Promise.reject(new Error('a question'));
  const code = await main(argv, io, ending, { confirm: unasked, text: unasked, password: unasked, ...answers });
  return { code, out: stdout.text(), err: stderr.text() };
}

const ranNothing = (): void => expect(fake.approved).toEqual([]);

describe('plan', () => {
  it('tells pending changes by the exit code only when asked to', async () => {
    expect((await keelson(['plan'])).code).toBe(0);
    expect((await keelson(['plan', '--detailed-exitcode'])).code).toBe(2);
    fake.plan = good(none);
    expect((await keelson(['plan', '--detailed-exitcode'])).code).toBe(0);
  });
  it('ends with 5 when it is refused, and the document says why', async () => {
    fake.plan = { ok: false, refusals: [refusal], warnings: [] };
    const { code, out } = await keelson(['plan', '--detailed-exitcode', '-o', 'json']);
    expect(code).toBe(5);
    expect(JSON.parse(out)).toMatchObject({
      kind: 'Plan',
      digest: null,
      steps: [],
      refusals: [{ code: 'safety.quorum' }],
    });
  });
  it('shows what apply would refuse it for, and the steps all the same', async () => {
    const unfit: Finding = {
      code: 'check.swap',
      severity: 'error',
      host: hostId('etcd-1'),
      message: 'swap is on',
      action: 'x',
    };
    fake.unfit = [unfit];
    const { code, out } = await keelson(['plan', '--detailed-exitcode', '-o', 'json']);
    expect(code).toBe(3);
    const document = JSON.parse(out);
    expect(document.refusals).toEqual([unfit]);
    expect(document.steps).toHaveLength(full.steps.length);
    const shown = (await keelson(['plan'])).out;
    expect(shown).toMatch(/keelson apply refuses this plan until these are mended\n {2}✖ etcd-1: swap is on/);
  });
  it('has everything in its document', async () => {
    const { out } = await keelson(['plan', '-o', 'json']);
    expect(JSON.parse(out)).toEqual({
      apiVersion: 'keelson.dev/v1alpha1',
      kind: 'Plan',
      cluster: 'lab',
      ...JSON.parse(JSON.stringify(full)),
      warnings: [],
      refusals: [],
    });
  });
  it('closes the cluster however it ends', async () => {
    await keelson(['plan']);
    fake.plan = null;
    await keelson(['plan']);
    expect(fake.closed).toBe(2);
  });
});

describe('a password for sudo', () => {
  it.each(['human', 'json', 'yaml'])(
    'is asked for at a terminal with -o %s, and standard output stays clean',
    async (format) => {
      const asked: string[] = [];
      fake.opened = async (ask) => {
        await ask?.('sudo password: ');
        return {};
      };
      const password = async (question: string) => {
        asked.push(question);
        return new Secret('geheim');
      };
      const { code, out } = await keelson(['status', '-o', format], { password });
      expect([code, asked]).toEqual([3, ['sudo password: ']]);
      if (format === 'json') expect(JSON.parse(out).kind).toBe('Status');
      expect(out).not.toContain('geheim');
    },
  );
  it('is not asked for off a terminal', async () => {
    let given: unknown = null;
    fake.opened = async (ask) => {
      given = ask;
      return {};
    };
    await keelson(['status', '-o', 'json']);
    expect(given).toBeUndefined();
  });
});

describe('apply', () => {
  it('runs what was shown, and sums up', async () => {
    const { code, out, err } = await keelson(['apply', '--yes']);
    expect(code).toBe(0);
    expect(fake.approved).toEqual([full]);
    expect(err).toContain('Plan for cluster lab: 4 steps');
    expect(err).toContain('[etcd-1] 10:15:03Z start: run etcd member etcd-1');
    expect(out).toContain('next: keelson status');
  });
  it('takes no lock for an empty plan, and asks nothing', async () => {
    fake.plan = good(none);
    const { code, out } = await keelson(['apply']);
    expect({ code, out }).toEqual({ code: 0, out: 'Nothing to do: everything is already right.\n' });
    ranNothing();
  });
  it('changes nothing without a yes', async () => {
    expect(await keelson(['apply'])).toMatchObject({ code: 1, err: expect.stringContaining('Give --yes.') });
    expect((await keelson(['apply'], { confirm: async () => false })).code).toBe(1);
    expect((await keelson(['apply', '-o', 'json'], { confirm: async () => true })).code).toBe(1);
    ranNothing();
    expect((await keelson(['apply'], { confirm: async () => true })).code).toBe(0);
  });
  it('ends with 5 when the plan is refused', async () => {
    fake.plan = { ok: false, refusals: [{ ...refusal, code: 'safety.data-gone' }], warnings: [] };
    expect(await keelson(['apply', '--yes'])).toMatchObject({
      code: 5,
      err: expect.stringContaining('error[safety.data-gone]'),
    });
    ranNothing();
  });
  it('asks nobody about machines that are not fit', async () => {
    fake.fit = () => {
      throw new KeelsonError('safety.twin', 'etcd-0 and etcd-1 are one machine');
    };
    expect((await keelson(['apply'], { confirm: () => Promise.reject(new Error('asked')) })).code).toBe(5);
    ranNothing();
  });
  it('shows and asks nothing while another run is at work', async () => {
    fake.holder = somebody;
    for (const command of ['apply', 'reset']) {
      const asked = {
        confirm: () => Promise.reject(new Error('asked')),
        text: () => Promise.reject(new Error('asked')),
      };
      const { code, err } = await keelson([command], asked);
      expect({ command, code }).toEqual({ command, code: 4 });
      expect(err).toContain('ops@desk runs apply (20261121t101500z-3f9a1c) since 2026-11-21 10:15:00Z');
      expect(err).not.toContain('for cluster lab');
    }
    ranNothing();
    fake.plan = good(none);
    expect((await keelson(['apply'])).code).toBe(0);
  });
  it('ends with 4 when the lock is held', async () => {
    fake.run = async () => {
      throw new KeelsonError('lock.held', 'the cluster is locked: ops@desk runs apply');
    };
    expect(await keelson(['apply', '--yes'])).toMatchObject({ code: 4, err: expect.stringContaining('ops@desk') });
  });
  it('ends with 1 and names machine and step when one failed, after the summary', async () => {
    fake.run = async ({ emit }: RunRequest) => {
      for (const event of runEvents()) emit(event);
      return {
        outcome: 'failed',
        error: new KeelsonError('step.not-settled', 'no answer', {
          host: 'etcd-0' as HostId,
          step: 'run etcd member etcd-0',
        }),
      };
    };
    const { code, out, err } = await keelson(['apply', '--yes', '-o', 'json']);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ kind: 'Run', outcome: 'failed' });
    const lines = err
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.slice(0, -1)).toEqual(JSON.parse(JSON.stringify(runEvents())));
    expect(lines.at(-1)).toMatchObject({
      kind: 'Error',
      error: { code: 'step.not-settled', host: 'etcd-0', step: 'run etcd member etcd-0' },
    });
  });
  it('ends with 130 after a signal, and says what it does', async () => {
    const ending = interruption();
    fake.run = async ({ signals }: RunRequest) => {
      ending.signalled();
      expect([signals.cancel.aborted, signals.stop.aborted]).toEqual([true, false]);
      ending.signalled();
      expect(signals.stop.aborted).toBe(true);
      return { outcome: 'cancelled', error: new KeelsonError('interrupted', 'interrupted') };
    };
    const { code, err } = await keelson(['apply', '--yes'], null, ending);
    expect(code).toBe(130);
    expect(err).toContain('stopping at the next safe boundary; press again to stop at once');
    expect(err).toContain('stopping at once');
  });
  it('ends with 1 after --timeout', async () => {
    fake.run = ({ signals }: RunRequest) =>
      new Promise((resolve) => {
        signals.cancel.addEventListener('abort', () =>
          resolve({ outcome: 'cancelled', error: new KeelsonError('interrupted', 'interrupted') }),
        );
      });
    expect(await keelson(['apply', '--yes', '--timeout', '20ms'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('error[timeout]'),
    });
  });
});

describe('apply PLANFILE', () => {
  const file = join(folder, 'change.plan');
  it('runs a plan that still fits, also when a part of it is done', async () => {
    await keelson(['plan', '--out', file]);
    fake.plan = good(sealed(full.steps.slice(1)));
    expect((await keelson(['apply', file, '--yes'])).code).toBe(0);
    expect(fake.approved).toEqual([full]);
  });
  it.each([
    [
      'a step is needed that it does not hold',
      () =>
        sealed([
          ...full.steps,
          { ...(full.steps[0] as Plan['steps'][number]), id: 'f'.repeat(16) as Plan['steps'][number]['id'] },
        ]),
    ],
    ['the configuration is another', () => sealed(full.steps, digestOf('another configuration'))],
  ])('is refused before anybody is asked when %s', async (_when, fresh) => {
    await keelson(['plan', '--out', file]);
    fake.plan = good(fresh());
    expect(await keelson(['apply', file], { confirm: () => Promise.reject(new Error('asked')) })).toMatchObject({
      code: 1,
      err: expect.stringContaining('error[plan.stale]'),
    });
    ranNothing();
  });
  it('is refused when somebody has edited it', async () => {
    await keelson(['plan', '--out', file]);
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('disruptive', 'safe'));
    expect(await keelson(['apply', file, '--yes'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('error[plan.stale]'),
    });
    ranNothing();
  });
});

describe('reset', () => {
  it('needs the cluster’s name, for which --yes does not stand', async () => {
    expect((await keelson(['reset', '--yes'])).err).toContain('Give --confirm lab.');
    expect((await keelson(['reset', '--confirm', 'production'])).err).toContain('the cluster is called lab');
    expect((await keelson(['reset'], { text: async () => 'la' })).code).toBe(1);
    ranNothing();
    expect((await keelson(['reset'], { text: async () => 'lab' })).code).toBe(0);
    expect((await keelson(['reset', '--confirm', 'lab'])).code).toBe(0);
  });
  it('means the whole cluster, the cluster without some, or the named machines', async () => {
    const confirmed = ['reset', '--confirm', 'lab'];
    await keelson(confirmed);
    await keelson([...confirmed, '--except', 'etcd-1']);
    await keelson([...confirmed, 'etcd-7']);
    expect(fake.intents).toEqual([
      { kind: 'reset', scope: 'cluster', hosts, except: [] },
      { kind: 'reset', scope: 'cluster', hosts: ['etcd-0', 'etcd-2'], except: ['etcd-1'] },
      { kind: 'reset', scope: 'hosts', hosts: ['etcd-7'], except: [] },
    ]);
    expect((await keelson([...confirmed, '--except', 'nobody'])).err).toContain(
      'nobody is not one of etcd-0, etcd-1, etcd-2',
    );
    expect((await keelson([...confirmed, 'etcd-7', '--except', 'etcd-1'])).code).toBe(1);
  });
});

describe('health', () => {
  it('status ends with 3 when the cluster is not healthy', async () => {
    expect((await keelson(['status'])).code).toBe(3);
    fake.status = { ...statusReport, healthy: true };
    expect((await keelson(['status'])).code).toBe(0);
  });
  it('check ends with 3 when the machines are not ready', async () => {
    expect((await keelson(['check'])).code).toBe(3);
    fake.check = { ...checkReport, ready: true };
    expect((await keelson(['check'])).code).toBe(0);
  });
  it('documents are the reports', async () => {
    expect(JSON.parse((await keelson(['status', '-o', 'json'])).out)).toEqual({
      apiVersion: 'keelson.dev/v1alpha1',
      kind: 'Status',
      ...statusReport,
    });
    expect(JSON.parse((await keelson(['check', '-o', 'json'])).out)).toEqual({
      apiVersion: 'keelson.dev/v1alpha1',
      kind: 'CheckReport',
      ...checkReport,
    });
  });
});
