import { type HostId, OPERATOR, type StepId } from '../../../model/ids.ts';
import type { Plan, PlannedStep } from '../../../plan/types.ts';
import type { PlanReport } from '../plan-report.ts';
import { findingsBlock } from './finding.ts';
import type { Style } from './style.ts';
import { count, harmless, padStart, width, wrap } from './text.ts';

export interface PlanViewOptions {
  style: Style;
  columns: number;
  /** Whole diffs; without, only how many lines each changes. */
  diff: boolean;
  /** Also why each step is there, and its id. */
  verbose: boolean;
}

type Change = PlannedStep['changes'][number];

/** A plan as a person on call reads it: what happens, host by host; what is disturbed, in which order; what is refused and why. */
export function planLines(report: PlanReport, options: PlanViewOptions): string[] {
  const { style, columns, diff, verbose } = options;
  const { result, cluster, intent } = report;
  const what = intent.kind === 'reset' ? 'Reset' : 'Plan';
  if (!result.ok) {
    return [
      `${style.bold(`${what} for cluster ${cluster}`)}: ${style.red('refused')}`,
      '',
      ...findingsBlock('Refused because', result.refusals, style, columns),
      ...findingsBlock('Warnings', result.warnings, style, columns),
      'Nothing was changed.',
    ];
  }
  const { plan, warnings } = result;
  const warned = findingsBlock('Warnings', warnings, style, columns);
  if (plan.steps.length === 0) {
    return [
      `${style.bold(`${what} for cluster ${cluster}`)}: nothing to do.`,
      ...(warned.length > 0 ? ['', ...warned.slice(0, -1)] : []),
    ];
  }
  const numbers = new Map(plan.steps.map((s, n) => [s.id, n + 1]));
  const groups = byHost(plan.steps, report.hosts);
  const machines = groups.filter(({ host }) => host !== OPERATOR).length;
  return [
    `${style.bold(`${what} for cluster ${cluster}`)}: ${count(plan.steps.length, 'step')}${machines > 0 ? ` on ${count(machines, 'machine')}` : ''}`,
    '',
    ...groups.flatMap((group, n) => {
      const head = style.bold(group.host) + (group.address === undefined ? '' : style.dim(` ${group.address}`));
      const twin =
        diff || verbose ? undefined : groups.slice(0, n).find((other) => sameWork(group, other, intent.kind));
      if (twin !== undefined) return [`${head}: ${sameAs(twin, group, numbers, style)}`, ''];
      return [head, ...group.steps.flatMap((step) => stepLines(step, numbers, report.voters, plan, options)), ''];
    }),
    ...disturbance(plan, report.voters, style, columns),
    ...warned,
    ...findingsBlock('keelson apply refuses this plan until these are mended', report.unfit, style, columns),
    ...totals(plan, options),
  ];
}

interface Group {
  host: HostId;
  address?: string;
  steps: readonly PlannedStep[];
}

function byHost(steps: readonly PlannedStep[], hosts: PlanReport['hosts']): Group[] {
  const address = new Map(hosts.map((h) => [h.host, h.address]));
  const machines = [...hosts.map((h) => h.host), ...steps.map((s) => s.on).filter((on) => on !== OPERATOR)];
  // The operator's computer where its numbers begin: what a reset does there comes last.
  const order = steps[0]?.on === OPERATOR ? [OPERATOR, ...machines] : [...machines, OPERATOR];
  return [...new Set(order)].flatMap((host) => {
    const own = steps.filter((s) => s.on === host);
    const at = address.get(host);
    return own.length === 0 ? [] : [{ host, steps: own, ...(at === undefined ? {} : { address: at }) }];
  });
}

function sameAs(twin: Group, { steps }: Group, numbers: ReadonlyMap<StepId, number>, style: Style): string {
  const word = steps.length === 1 ? 'step' : 'steps';
  const risks = [...new Set(steps.map((s) => s.risk))].filter((risk) => risk !== 'safe');
  const marks = risks.map((risk) => ` ${style.yellow(`[${risk}]`)}`).join('');
  return `the same as ${twin.host}, ${word} ${ranges(steps.map((s) => numbers.get(s.id) ?? 0))}${marks}`;
}

/**
 * The same on both but for the machine's own name. What disturbs a cluster is always told in full; where machines are cleared, it is the same
 * everywhere that counts, and what is not.
 */
function sameWork(a: Group, b: Group, kind: PlanReport['intent']['kind']): boolean {
  const work = ({ host, steps }: Group): string =>
    JSON.stringify(
      steps.map((s) =>
        [s.kind, s.title, ...s.changes.map((c) => `${c.summary} ${sizeOf(c.diff ?? [])}`)].map((text) =>
          text.replaceAll(host, ' '),
        ),
      ),
    );
  return (kind === 'reset' || [...a.steps, ...b.steps].every((s) => s.risk === 'safe')) && work(a) === work(b);
}

/** `7-10, 18`. */
function ranges(numbers: readonly number[]): string {
  const parts: [from: number, to: number][] = [];
  for (const n of numbers) {
    const last = parts.at(-1);
    if (last !== undefined && last[1] === n - 1) last[1] = n;
    else parts.push([n, n]);
  }
  return parts.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
}

function stepLines(
  step: PlannedStep,
  numbers: ReadonlyMap<StepId, number>,
  voters: number,
  plan: Plan,
  { style, columns, diff, verbose }: PlanViewOptions,
): string[] {
  const number = padStart(String(numbers.get(step.id) ?? '?'), 4);
  const risk = step.risk === 'safe' ? '' : ` ${style.yellow(`[${step.risk}]`)}`;
  const beneath = (text: string, paint: (line: string) => string): string[] =>
    wrap(text, columns, '        ').map(paint);
  return [
    ...hanging(`${style.dim(number)}  `, `${harmless(step.title)}${risk}`, columns),
    ...(verbose ? beneath(`why: ${step.why}; ${step.kind}, id ${step.id}`, style.dim) : []),
    ...step.changes.flatMap((change) => changeLines(change, style, diff, columns)),
    ...(step.effect === undefined ? [] : beneath(harmless(step.effect), style.dim)),
    ...marginText(step, numbers, voters, plan).flatMap((text) => beneath(text, style.yellow)),
  ];
}

/** Wrapped beneath its own beginning, so that numbers and signs stand alone on the left. */
function hanging(head: string, text: string, columns: number): string[] {
  const room = width(head);
  return wrap(text, columns - room).map((line, n) => (n === 0 ? head : ' '.repeat(room)) + line);
}

/** As it is now; it is measured again just before the step. Nothing where no quorum is to be kept, as at a reset. */
function marginText(step: PlannedStep, numbers: ReadonlyMap<StepId, number>, voters: number, plan: Plan): string[] {
  const { quorum } = step;
  if (quorum === undefined) return [];
  return [`quorum: ${quorum.stay} of ${voters} stay up, ${quorum.need} needed${afterOf(step, numbers, plan)}`];
}

function afterOf(step: PlannedStep, numbers: ReadonlyMap<StepId, number>, plan: Plan): string {
  const others = plan.steps.filter((s) => step.needs.includes(s.id) && s.risk !== 'safe' && s.on !== step.on);
  const waits = others.map((s) => numbers.get(s.id)).join(', ');
  return waits === '' ? '' : `; only once step ${waits} is done and its member healthy`;
}

function changeLines(change: Change, style: Style, diff: boolean, columns: number): string[] {
  const summary = harmless(change.summary);
  const head = (more: string): string[] => hanging(`        ${signOf(summary, style)} `, `${summary}${more}`, columns);
  if (change.diff === undefined || change.diff.length === 0) return head('');
  if (!diff) return head(` ${style.dim(sizeOf(change.diff))}`);
  return [...head(''), ...change.diff.map((line) => `          ${diffLine(harmless(line), style)}`)];
}

function signOf(summary: string, style: Style): string {
  if (/^(?:create|place|import|issue|enable|start)\b/.test(summary)) return style.green('+');
  if (/^(?:remove|delete|stop|disable)\b/.test(summary)) return style.red('-');
  return style.yellow('~');
}

function sizeOf(diff: readonly string[]): string {
  const added = diff.filter((line) => line.startsWith('+')).length;
  const removed = diff.filter((line) => line.startsWith('-')).length;
  if (added + removed === 0) return diff.join(' ');
  if (removed === 0) return `(${count(added, 'line')})`;
  return `(+${added} -${removed})`;
}

function diffLine(line: string, style: Style): string {
  if (line.startsWith('+')) return style.green(line);
  if (line.startsWith('-')) return style.red(line);
  return style.dim(line);
}

/** The one thing to know at three in the morning: what goes down, in which order. */
function disturbance({ steps }: Plan, voters: number, style: Style, columns: number): string[] {
  const careful = steps.filter((s) => s.quorum !== undefined);
  const spare = ({ quorum }: PlannedStep): number =>
    quorum === undefined ? Number.POSITIVE_INFINITY : quorum.stay - quorum.need;
  const [tightest] = careful.toSorted((a, b) => spare(a) - spare(b));
  if (tightest?.quorum === undefined) return [];
  const { stay, need } = tightest.quorum;
  return [
    style.bold('Disturbed, one at a time'),
    ...hanging(
      '  ',
      `${[...new Set(careful.map((s) => s.on))].join(' → ')}   as it is now, at worst ${stay} of ${voters} stay up, ${need} needed`,
      columns,
    ),
    style.dim('  measured again just before each step'),
    '',
  ];
}

function totals({ steps }: Plan, { style, columns, diff }: PlanViewOptions): string[] {
  const by = (risk: PlannedStep['risk']): number => steps.filter((s) => s.risk === risk).length;
  const parts = [
    by('safe') > 0 ? `${by('safe')} safe` : '',
    by('disruptive') > 0 ? style.yellow(`${by('disruptive')} disruptive`) : '',
    by('destructive') > 0 ? style.red(`${by('destructive')} destructive`) : '',
  ].filter((part) => part !== '');
  const hidden = !diff && steps.some((s) => s.changes.some((c) => (c.diff?.length ?? 0) > 0));
  return wrap(
    `${count(steps.length, 'step')}: ${parts.join(', ')}.${hidden ? ' --diff shows the files’ contents.' : ''}`,
    columns,
  );
}
