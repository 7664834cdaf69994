import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../../../model/events.ts';
import { type HostId, OPERATOR, type RunId, type StepId } from '../../../model/ids.ts';
import type { LockReport } from '../../../operations/lock.ts';
import type { PlannedStep } from '../../../plan/types.ts';
import {
  checkReport,
  clusterStatusReport,
  emptyReport,
  plan,
  planReport,
  refusal,
  refusedReport,
  runEvents,
  statusReport,
  warning,
} from '../../testing/reports.ts';
import { reportOf } from '../run-report.ts';
import { checkLines } from './check.ts';
import { errorLines } from './error.ts';
import { lockLines } from './lock.ts';
import { planLines } from './plan.ts';
import { runLines, runListLines, summaryLines } from './runs.ts';
import { statusLines } from './status.ts';
import { makeStyle, plainStyle } from './style.ts';
import { width } from './text.ts';

const at = { style: plainStyle, columns: 100 };
const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');
const golden = (name: string): string => `./__golden__/${name}.txt`;

describe('plan', () => {
  it('tells host by host what happens, what is disturbed and how much quorum is left', async () => {
    await expect(text(planLines(planReport, { ...at, diff: false, verbose: false }))).toMatchFileSnapshot(
      golden('plan'),
    );
  });
  it('shows contents with --diff and reasons with -v', async () => {
    await expect(text(planLines(planReport, { ...at, diff: true, verbose: true }))).toMatchFileSnapshot(
      golden('plan-diff'),
    );
  });
  it('says what a step does to what runs, where its changes do not', () => {
    const [first] = plan.steps;
    if (first === undefined) throw new Error('the plan of this test is empty');
    const steps = [{ ...first, effect: 'nothing is restarted' }];
    const report: typeof planReport = { ...planReport, result: { ok: true, plan: { ...plan, steps }, warnings: [] } };
    const lines = planLines(report, { ...at, diff: false, verbose: false });
    expect(lines).toContain('        nothing is restarted');
  });
  it('says why it is refused', async () => {
    await expect(text(planLines(refusedReport, { ...at, diff: false, verbose: false }))).toMatchFileSnapshot(
      golden('plan-refused'),
    );
  });
  it('tells the same safe work on another machine in one line, and in full with -v', () => {
    const [first] = plan.steps;
    if (first === undefined) throw new Error('the plan of this test is empty');
    const again = [1, 2].map((n) => ({
      ...first,
      id: `again-${n}` as StepId,
      on: `etcd-${n}` as HostId,
      title: first.title.replace('etcd-0', `etcd-${n}`),
      // One line more on the third machine: that is not the same.
      changes:
        n === 1
          ? first.changes
          : [{ summary: 'create /etc/keelson/host.json (644)', diff: ['+{', '+', '+}'] }, ...first.changes.slice(1)],
    }));
    const report = {
      ...planReport,
      result: { ok: true as const, plan: { ...plan, steps: [first, ...again] }, warnings: [] },
    };
    const brief = planLines(report, { ...at, diff: false, verbose: false });
    expect(brief).toContain('etcd-1 10.77.0.11: the same as etcd-0, step 2');
    expect(brief).toContain('etcd-2 10.77.0.12');
    expect(text(planLines(report, { ...at, diff: false, verbose: true }))).not.toContain('the same as');
  });
  it('tells a reset of machines alike once, with its risk', () => {
    const clear = [0, 1, 2].map((n) => ({
      ...(plan.steps[0] as PlannedStep),
      id: `clear-${n}` as StepId,
      on: `etcd-${n}` as HostId,
      title: `remove what keelson made on etcd-${n}`,
      risk: 'destructive' as const,
      // Something of its own on the third machine: there it is told in full.
      changes: [{ summary: 'remove /var/lib/etcd' }, ...(n === 2 ? [{ summary: 'remove /opt/more' }] : [])],
    }));
    const intent = { kind: 'reset' as const, scope: 'cluster' as const, hosts: [], except: [] };
    const result = { ok: true as const, plan: { ...plan, intent, steps: clear }, warnings: [] };
    const brief = planLines({ ...planReport, intent, result }, { ...at, diff: false, verbose: false });
    expect(brief).toContain('etcd-1 10.77.0.11: the same as etcd-0, step 2 [destructive]');
    expect(brief).toContain('        - remove /opt/more');
    const retire = { ...(plan.steps[0] as PlannedStep), id: 'retire' as StepId, on: OPERATOR };
    const whole = {
      ...result,
      plan: { ...result.plan, steps: [...clear, { ...retire, title: 'put the records aside' }] },
    };
    const shown = planLines({ ...planReport, intent, result: whole }, { ...at, diff: false, verbose: false });
    const numbers = shown.flatMap((line) => /^ +(\d+) {2}/.exec(line)?.[1] ?? []);
    expect(numbers.at(-1)).toBe('4');
    expect(numbers).toEqual([...numbers].sort());
    // In an apply what is not safe is never folded.
    const applied = planLines({ ...planReport, result }, { ...at, diff: false, verbose: false });
    expect(text(applied)).not.toContain('the same as');
  });
  it.each([60, 80, 120])('keeps to %i columns, wrapped beneath its own beginning', (columns) => {
    const lines = planLines(planReport, { ...at, columns, diff: false, verbose: true });
    expect(lines.filter((line) => width(line) > columns)).toEqual([]);
    if (columns === 60)
      expect(text(lines)).toContain(
        '   3  run etcd member etcd-0 so that it can never found a\n      second cluster [disruptive]\n',
      );
  });
  it('is one line when there is nothing to do', () => {
    expect(planLines(emptyReport, { ...at, diff: false, verbose: false })).toEqual([
      'Plan for cluster lab: nothing to do.',
    ]);
  });
});

describe('status', () => {
  it('shows members, quorum, certificates and findings', async () => {
    await expect(text(statusLines(statusReport, { ...at, verbose: false }))).toMatchFileSnapshot(golden('status'));
  });
  it('shows every certificate with -v', async () => {
    await expect(text(statusLines(statusReport, { ...at, columns: 140, verbose: true }))).toMatchFileSnapshot(
      golden('status-verbose'),
    );
  });
  it('shows API servers, nodes and who is at work', async () => {
    await expect(text(statusLines(clusterStatusReport, { ...at, verbose: false }))).toMatchFileSnapshot(
      golden('status-cluster'),
    );
  });
  it('spells taints out with -v', () => {
    const shown = text(statusLines(clusterStatusReport, { ...at, columns: 140, verbose: true }));
    expect(shown).toMatch(/cp-0 .*node-role\.kubernetes\.io\/control-plane NoSchedule/);
  });
  it('shows what cluster.yaml says while no API server tells, and nothing of a cluster that is to be made', () => {
    const { kubernetes } = clusterStatusReport;
    if (kubernetes === undefined) throw new Error('the report is of etcd alone');
    const nodes = kubernetes.nodes.slice(0, 1).map((n) => ({ ...n, ready: null, taints: [], kubeletVersion: null }));
    const silent = { ...kubernetes, asked: false, nodes, leases: [] };
    const shown = (report: typeof kubernetes): string =>
      text(statusLines({ ...clusterStatusReport, kubernetes: report }, { ...at, verbose: false }));
    expect(shown(silent)).toMatch(/No API server is ready to tell[\s\S]*cp-0 +control-plane +not known +- +-\n/);
    expect(shown({ ...silent, made: false })).toContain('Cluster lab: Kubernetes not made yet');
    expect(shown({ ...silent, made: false })).not.toContain('API SERVER');
  });
  it('never passes on what would move the cursor', () => {
    for (const verbose of [false, true])
      for (const report of [statusReport, clusterStatusReport])
        expect(text(statusLines(report, { ...at, verbose }))).not.toContain('\u001b');
  });
  it.each([60, 80, 120])('keeps to %i columns, rows by themselves where there is no room for a table', (columns) => {
    for (const verbose of [false, true]) {
      const lines = [statusReport, clusterStatusReport].flatMap((r) => statusLines(r, { ...at, columns, verbose }));
      expect(lines.filter((line) => width(line) > columns)).toEqual([]);
    }
    const shown = text(statusLines(statusReport, { ...at, columns, verbose: false }));
    expect(shown.includes('MEMBER  ')).toBe(columns === 120);
    expect(shown).toMatch(
      columns === 120 ? /etcd-0 +etcd-0 +10\.77/ : /\n {2}etcd-0\n {4}host +etcd-0\n {4}address +10\.77/,
    );
  });
  it('says that the quorum is lost', () => {
    const { etcd } = statusReport;
    const lost = {
      ...statusReport,
      etcd: { ...etcd, leader: null, quorum: { ...etcd.quorum, healthy: 1, unknown: 0, held: false } },
    };
    const shown = text(statusLines(lost, { ...at, verbose: false }));
    expect(shown).toContain('quorum lost: 1 of 3 voters healthy, 2 needed');
    expect(shown).toContain('Cluster lab: not healthy');
  });
  it('speaks of no lost quorum while the cluster is being founded', () => {
    const { etcd } = statusReport;
    const shown = (phase: typeof etcd.phase): string => {
      const quorum = { ...etcd.quorum, healthy: 0, unknown: 0, held: null };
      const members = etcd.members.map((m) => ({ ...m, healthy: false, health: 'ill' as const }));
      const report = { ...statusReport, findings: [], etcd: { ...etcd, phase, quorum, members, leader: null } };
      return text(statusLines(report, { ...at, verbose: false }));
    };
    expect(shown('founding')).toContain('Cluster lab: founding not finished');
    expect(shown('founding')).toContain('quorum: none now, the founding is not finished; 0 of 3 voters healthy');
    expect(shown('new')).toContain('Cluster lab: not founded');
    expect(shown('new')).toContain('quorum: none yet; 2 of 3 voters will be needed');
    expect(shown('new')).not.toMatch(/\bill\b/);
  });
  it('tells what is ill from what is not known', () => {
    const { etcd } = statusReport;
    const shown = (report: typeof statusReport): string => text(statusLines(report, { ...at, verbose: false }));
    expect(shown(statusReport)).toContain('Cluster lab: not known to be healthy');
    const ill = { ...etcd, members: etcd.members.map((m) => (m.healthy ? m : { ...m, health: 'ill' as const })) };
    expect(shown({ ...statusReport, etcd: ill })).toContain('Cluster lab: not healthy');
    const unsure = { ...etcd, quorum: { ...etcd.quorum, healthy: 0, unknown: 3, held: null } };
    expect(shown({ ...statusReport, etcd: unsure })).toContain('quorum: not known; 0 of 3 voters healthy, 3 not known');
  });
  it('takes one line for a member that nothing is known of', () => {
    const { etcd } = statusReport;
    const away = {
      health: 'unknown',
      healthy: false,
      problems: ['the machine cannot be looked at', 'it was not asked'],
    };
    const members = etcd.members.map((m) => ({ ...m, ...away }) as typeof m);
    const lines = statusLines({ ...statusReport, etcd: { ...etcd, members } }, { ...at, verbose: false });
    expect(lines.filter((line) => line.includes('was not asked'))).toEqual(
      members.map((m) => `  ! ${m.name}: the machine cannot be looked at; it was not asked`),
    );
  });
});

it('check tells what is the same on several machines once', () => {
  const findings = [0, 1, 2].map((n) => ({
    ...warning,
    host: `etcd-${n}` as HostId,
    message: `swap is on, on etcd-${n}`,
  }));
  const shown = text(checkLines({ ...checkReport, findings }, plainStyle, 100));
  expect(shown).toContain('  ! swap is on, on etcd-0\n    the same on etcd-1 and etcd-2\n    next: ');
  expect(shown).toContain('0 errors, 3 warnings.');
});

it('check lists every finding, errors first', async () => {
  await expect(text(checkLines(checkReport, plainStyle, 100))).toMatchFileSnapshot(golden('check'));
});

describe('runs', () => {
  const report = reportOf(runEvents());
  it('lists runs', async () => {
    const died = reportOf(runEvents().slice(0, 5));
    await expect(text(runListLines([report, died], plainStyle, 100))).toMatchFileSnapshot(golden('runs'));
  });
  it('tells of one without an end whether its process lives', () => {
    const opened: RunEvent = {
      type: 'run.opened',
      seq: 0,
      at: '2026-11-21T10:14:59.000Z',
      run: runEvents()[0]?.run as RunId,
      command: 'apply',
      cluster: 'lab',
      user: 'ops',
      operator: 'desk',
      process: { operatorMachineId: 'm', operatorBootId: 'b', pid: 4711, pidStart: '1' },
    };
    const shown = (state: 'running' | 'dead' | 'unknown', events: readonly RunEvent[]): string => {
      const of = reportOf(events);
      const told = { ...of, process: of.process && { ...of.process, state } };
      return text([...runListLines([told], plainStyle, 120), ...runLines(told, { ...at, verbose: false })]);
    };
    expect(shown('dead', [opened])).toContain('its process 4711, on this computer, has ended without a word');
    expect(shown('dead', [opened])).toContain('before its first step');
    expect(shown('dead', [opened])).toMatch(/0\/0 +unfinished, its process is dead +ops@desk/);
    expect(shown('running', [opened, ...runEvents().slice(0, 2)])).toContain('on this computer, is at work');
    expect(shown('unknown', [opened])).toContain('cannot be told from here');
    expect(shown('dead', [opened, ...runEvents()])).not.toContain('4711');
  });
  it('counts as done what is done, and neither what failed nor what was cut off', () => {
    const [head, ...events] = runEvents();
    const end = (outcome: 'failed' | 'unknown'): RunEvent[] =>
      [head, ...events.filter((e) => e.type === 'step.started')].flatMap((e): RunEvent[] => {
        if (e?.type !== 'step.started') return e === undefined ? [] : [e];
        const error = { code: 'host.unreachable', message: 'm', action: 'a' } as const;
        return [e, { ...e, type: 'step.finished', outcome, error }];
      });
    for (const outcome of ['failed', 'unknown'] as const)
      expect(text(runListLines([reportOf(end(outcome))], plainStyle, 100))).toContain(' 0/4 ');
    expect(text(runListLines([report], plainStyle, 100))).toContain(' 2/4 ');
  });
  it('has no line that the terminal would break within a cell', () => {
    const columns = 70;
    const lines = [
      ...runListLines([report], plainStyle, columns),
      ...runLines(report, { ...at, columns, verbose: false }),
    ];
    // A digest stands alone in its line, to be copied whole.
    expect(lines.filter((line) => width(line) > columns && !line.includes('sha256'))).toEqual([]);
    expect(lines).toContain('  steps    2/4');
  });
  it('says that a journal is damaged, whose end may be what is missing', () => {
    const damaged = { ...reportOf(runEvents().slice(0, 3)), damaged: true } as const;
    const dead = { operatorMachineId: 'm', operatorBootId: 'b', pid: 4711, pidStart: '1', state: 'dead' } as const;
    const shown = text(runListLines([{ ...damaged, process: dead }], plainStyle, 120));
    expect(shown).toContain('not known, its journal is damaged');
    expect(shown).not.toContain('its process is dead');
    expect(text(runListLines([{ ...report, damaged: true }], plainStyle, 120))).toContain(
      'failed, its journal is damaged',
    );
  });
  it('shows one with each step', async () => {
    await expect(text(runLines(report, { ...at, columns: 140, verbose: true }))).toMatchFileSnapshot(golden('run'));
  });
  it('sums up for the person who has watched', async () => {
    await expect(text(summaryLines(report, { style: plainStyle, next: ['keelson status'] }))).toMatchFileSnapshot(
      golden('summary'),
    );
  });
});

it('lock tells who, what and since when', async () => {
  const run = '20261121t101500z-3f9a1c' as RunId;
  const holder = {
    run,
    command: 'apply',
    user: 'ops',
    operator: 'desk',
    operatorMachineId: 'm',
    operatorBootId: 'b',
    pid: 4711,
    pidStart: '1',
    since: '2026-11-21T10:15:00.000Z',
    fence: 3,
  };
  const state = {
    fence: 3,
    holder,
    last: { fence: 3, run, step: 'ab00' as StepId },
    units: [{ name: 'keelson-x.service', state: 'running' as const }],
  };
  const report: LockReport = {
    holder,
    hosts: [
      { host: 'etcd-0' as HostId, is: 'known', state },
      { host: 'etcd-1' as HostId, is: 'known', state: { fence: 2, holder: null, last: null, units: [] } },
      {
        host: 'etcd-2' as HostId,
        is: 'unreachable',
        because: `etcd-2 cannot be reached: ${'a long story '.repeat(8)}`,
      },
    ],
    dead: [],
  };
  const shown = (change: Partial<LockReport>): string =>
    text(lockLines({ ...report, ...change }, new Date('2026-11-21T10:45:00.000Z'), plainStyle, 110));
  await expect(shown({})).toMatchFileSnapshot(golden('lock'));
  const narrow = lockLines(report, new Date('2026-11-21T10:45:00.000Z'), plainStyle, 60);
  expect(narrow.filter((line) => width(line) > 60)).toEqual([]);
  expect(shown({ dead: [run] })).toContain('that process was on this computer, and has ended');
  expect(shown({ dead: [run] })).not.toContain('keelson unlock');
  expect(shown({ dead: [run], holder: null })).toContain(`left by run ${run}, whose process 4711 was on this computer`);
  expect(shown({ holder: null })).toContain(`keelson unlock ${run}`);
  const away = report.hosts.filter((h) => h.is === 'unreachable');
  expect(shown({ holder: null, hosts: away })).toContain('Not known: only 0 of 1 machines could be asked.');
});

describe('error', () => {
  const error = {
    code: 'host.command-failed' as const,
    message: 'systemctl failed',
    action: 'Read its output.',
    host: 'etcd-0' as HostId,
    step: 'run containerd on etcd-0',
    output: 'Job failed.\u001b]0;title\u0007\nSee journalctl.\n',
  };
  it('says what, where and what next', async () => {
    await expect(text(errorLines(error, { ...at, verbose: false }))).toMatchFileSnapshot(golden('error'));
  });
  it('shows the output with -v, made harmless', () => {
    const shown = text(errorLines(error, { ...at, verbose: true }));
    expect(shown).toContain('    Job failed.');
    expect(shown).not.toMatch(/[\u0007\u001b]/);
  });
  it('tells each of several reasons once', () => {
    const shown = text(
      errorLines(
        {
          ...error,
          code: 'safety.quorum',
          findings: [refusal, { ...refusal, message: 'another reason', host: 'etcd-2' as HostId }],
        },
        { ...at, verbose: false },
      ),
    );
    expect(shown).toContain('refused for 2 reasons');
    expect(shown.match(/Bring the other members back/g)).toHaveLength(2);
    expect(shown).toContain('etcd-2: another reason');
  });
  it('lists the problems of a configuration once, each at the start of its line', () => {
    const problem = 'cluster.yaml:12:16: spec.hosts[1].address: “x” is no address';
    const lines = errorLines(
      {
        code: 'config.invalid',
        message: `cluster.yaml has one problem:\n${problem}; write one`,
        action: 'Correct it.',
        where: 'cluster.yaml',
        findings: [{ code: 'config.invalid', severity: 'error', message: problem, action: 'write one' }],
      },
      { ...at, verbose: false },
    );
    expect(
      text(lines)
        .split('\n')
        .filter((line) => line.startsWith('cluster.yaml:12:16:')),
    ).toHaveLength(1);
    expect(text(lines).match(/12:16/g)).toHaveLength(1);
  });
});

it('colour changes nothing but colours', () => {
  const coloured = text(planLines(planReport, { style: makeStyle(true), columns: 100, diff: true, verbose: true }));
  expect(coloured).toContain('\u001b[');
  // biome-ignore lint/complexity/useRegexLiterals: the control character stands out here.
  expect(coloured.replace(new RegExp('\u001b\\[[0-9;]*m', 'g'), '')).toBe(
    text(planLines(planReport, { ...at, diff: true, verbose: true })),
  );
});
