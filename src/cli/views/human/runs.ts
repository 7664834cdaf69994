import { type RunReport, type StepReport, tookMs } from '../run-report.ts';
import { nameOf } from './live-frame.ts';
import type { Style } from './style.ts';
import { table } from './table.ts';
import { count, duration, harmless, moment, wrapped } from './text.ts';

export function runListLines(runs: readonly RunReport[], style: Style, columns: number): string[] {
  if (runs.length === 0) return ['No runs yet.'];
  return table<RunReport>(
    [
      { head: 'RUN', cell: (r) => r.run ?? '?' },
      { head: 'COMMAND', cell: (r) => r.command },
      { head: 'STARTED', cell: (r) => (r.startedAt === null ? '-' : moment(r.startedAt)) },
      { head: 'TOOK', cell: (r) => took(r), align: 'right' },
      { head: 'STEPS', cell: (r) => `${r.steps.filter(isDone).length}/${r.steps.length}`, align: 'right' },
      { head: 'OUTCOME', cell: (r) => outcomeText(r, style) },
      { head: 'BY', cell: (r) => harmless(`${r.user}@${r.operator}`) },
    ],
    runs,
    style,
    columns,
  );
}

export interface RunViewOptions {
  style: Style;
  columns: number;
  /** Also the notes of each step and the output of what failed. */
  verbose: boolean;
}

export function runLines(report: RunReport, { style, columns, verbose }: RunViewOptions): string[] {
  const { run, command, cluster, user, operator, startedAt, fence, planDigest, steps, notes, error } = report;
  const dim = (line: string): string[] => wrapped(line, columns).map(style.dim);
  const red = (line: string): string[] => wrapped(line, columns).map(style.red);
  return [
    ...wrapped(`${style.bold(`Run ${run ?? '?'}`)}: ${command} ${cluster}, ${outcomeText(report, style)}`, columns),
    ...wrapped(
      `  by ${harmless(`${user}@${operator}`)}, started ${startedAt === null ? '-' : moment(startedAt)}, took ${took(report)}${fence === 0 ? '' : `, fencing number ${fence}`}`,
      columns,
    ),
    style.dim(planDigest === '' ? '  it ended, or stands, before its first step' : `  plan ${planDigest}`),
    ...processLines(report).flatMap((line) => wrapped(line, columns)),
    '',
    ...table<StepReport>(
      [
        { head: 'STEP', cell: (s) => s.id },
        { head: 'ON', cell: (s) => nameOf(s.on) },
        { head: 'STATE', cell: (s) => stateText(s, style) },
        { head: 'TOOK', cell: (s) => took(s), align: 'right' },
        { head: 'TRIES', cell: (s) => String(s.attempts), align: 'right' },
        { head: 'WHAT', cell: (s) => harmless(s.title) },
      ],
      steps,
      style,
      columns,
    ),
    ...steps.flatMap((s) => [
      ...(verbose ? s.notes.flatMap((n) => dim(`  ${moment(n.at)} ${nameOf(s.on)}: ${harmless(n.text)}`)) : []),
      ...(s.error === undefined
        ? []
        : red(`  ${nameOf(s.on)}, ${s.id}: error[${s.error.code}]: ${harmless(s.error.message)}`)),
      ...(verbose && s.error?.output !== undefined
        ? harmless(s.error.output)
            .trimEnd()
            .split('\n')
            .map((line) => style.dim(`    ${line}`))
        : []),
    ]),
    ...notes.flatMap((n) => dim(`  ${moment(n.at)} ${harmless(n.text)}`)),
    ...(error === undefined
      ? []
      : [
          '',
          ...red(`error[${error.code}]: ${harmless(error.message)}`),
          ...wrapped(`  next: ${harmless(error.action)}`, columns),
        ]),
  ];
}

export interface SummaryOptions {
  style: Style;
  /** The next command to give, where it is not obvious. */
  next: readonly string[];
}

/** Its notes say what the user has to keep; on a live display they would be gone by the end. */
const TELLS_TO_KEEP = 'cluster-identity';

/** How a run ended, for the person who has just watched it. */
export function summaryLines(report: RunReport, { style, next }: SummaryOptions): string[] {
  if (report.outcome === 'nothing-to-do') return ['Nothing to do: everything is already right.'];
  const by = (state: StepReport['state']): number => report.steps.filter((s) => s.state === state).length;
  const parts = [
    `${count(by('changed'), 'step')} changed something`,
    ...(by('already-right') > 0 ? [`${by('already-right')} already right`] : []),
    ...(by('failed') > 0 ? [style.red(`${by('failed')} failed`)] : []),
    ...(by('unknown') + by('running') > 0 ? [style.red(`${by('unknown') + by('running')} not known`)] : []),
    ...(by('waiting') > 0 ? [`${by('waiting')} not started`] : []),
  ];
  const hosts = [...new Set(report.steps.filter((s) => s.state === 'changed').map((s) => nameOf(s.on)))];
  return [
    `${outcomeText(report, style)} in ${took(report)}: ${parts.join(', ')}.`,
    ...(hosts.length > 0 ? [`  changed: ${hosts.join(', ')}`] : []),
    style.dim(`  keelson runs show ${report.run ?? ''}`),
    ...report.steps
      .filter((s) => s.kind === TELLS_TO_KEEP)
      .flatMap((s) => s.notes.map((n) => style.yellow(`  ! ${harmless(n.text)}`))),
    ...next.map((line) => `  next: ${line}`),
  ];
}

function took(part: { startedAt: string | null; endedAt: string | null }): string {
  const ms = tookMs(part);
  return ms === null ? '-' : duration(ms);
}

function processLines({ process, outcome }: RunReport): string[] {
  if (process === null || outcome !== 'unfinished') return [];
  const { pid, state } = process;
  if (state === 'running') return [`  its process ${pid}, on this computer, is at work`];
  if (state === 'dead')
    return [
      `  its process ${pid}, on this computer, has ended without a word: the same command again takes over and goes on`,
    ];
  return [`  whether its process ${pid}, on another computer, still runs cannot be told from here`];
}

function isDone({ state }: StepReport): boolean {
  return state === 'changed' || state === 'already-right';
}

function outcomeText(report: RunReport, style: Style): string {
  if (report.damaged !== true) return endText(report, style);
  // Its end may be what is missing.
  if (report.outcome === 'unfinished') return style.red('not known, its journal is damaged');
  return `${endText(report, style)}, ${style.red('its journal is damaged')}`;
}

function endText({ outcome, process }: RunReport, style: Style): string {
  if (outcome === 'unfinished' && process?.state === 'dead') return style.red('unfinished, its process is dead');
  if (outcome === 'unfinished' && process?.state === 'running') return style.yellow('running');
  if (outcome === 'done' || outcome === 'nothing-to-do') return style.green(outcome.replaceAll('-', ' '));
  return outcome === 'failed' ? style.red(outcome) : style.yellow(outcome);
}

function stateText({ state }: StepReport, style: Style): string {
  if (state === 'changed') return style.green(state);
  if (state === 'failed' || state === 'unknown') return style.red(state);
  return state === 'running' ? style.yellow('no end') : state === 'already-right' ? 'already right' : style.dim(state);
}
