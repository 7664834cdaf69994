import { type HostId, OPERATOR } from '../../../model/ids.ts';
import { isEnded, type RunReport, type StepReport, tookMs } from '../run-report.ts';
import type { Style } from './style.ts';
import { count, duration, harmless, padEnd, stopwatch, truncate, width } from './text.ts';

export interface FrameOptions {
  style: Style;
  columns: number;
  /** Most lines that the moving part may take. */
  rows: number;
  nowMs: number;
  /** Counts up: chooses the spinner's picture. */
  tick: number;
  /** Shown in the last line while the run is being ended by a signal. */
  stopping: string;
}

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;
const MARK = { changed: '✔', 'already-right': '=', failed: '✖', unknown: '?' } as const;

export function nameOf(on: HostId): string {
  return on === OPERATOR ? 'operator' : on;
}

export function nameWidth(report: RunReport): number {
  return Math.max(8, ...report.steps.map((s) => width(nameOf(s.on))));
}

/** The line that stays above when a step has ended. */
export function endedLine(step: StepReport, report: RunReport, style: Style): string {
  const state = step.state as keyof typeof MARK;
  const paint = state === 'changed' ? style.green : state === 'already-right' ? style.dim : style.red;
  const took = tookMs(step);
  const why = step.error === undefined ? '' : `: ${style.red(harmless(step.error.message))}`;
  return `${paint(MARK[state])} ${style.cyan(padEnd(nameOf(step.on), nameWidth(report)))}  ${harmless(step.title)}${why}${
    took === null ? '' : style.dim(`  ${duration(took)}`)
  }`;
}

/** The moving part: one line for each machine with something to do, then how far the whole has come. Never wider than the terminal. */
export function frame(report: RunReport, options: FrameOptions): string[] {
  if (report.startedAt === null) return [];
  const { style, columns, nowMs } = options;
  const hosts = [...new Set(report.steps.map((s) => s.on))];
  const lines = hosts
    .map((on) => ({ on, own: report.steps.filter((s) => s.on === on) }))
    .filter(({ own }) => !own.every(isEnded))
    // Machines at work first, so that a short terminal shows them.
    .sort((a, b) => Number(b.own.some(isRunning)) - Number(a.own.some(isRunning)))
    .flatMap(({ on, own }) => hostLines(on, own, report, options));
  const room = Math.max(1, options.rows - 2);
  const shown = lines.slice(0, room);
  if (lines.length > room) shown.splice(room - 1, 1, style.dim(`  and ${count(lines.length - room + 1, 'more line')}`));
  const ended = report.steps.filter(isEnded).length;
  const elapsed = stopwatch(nowMs - Date.parse(report.startedAt));
  const total = `${ended} of ${count(report.steps.length, 'step')} · ${elapsed}`;
  const last = options.stopping === '' ? style.dim(total) : `${style.dim(total)} · ${style.yellow(options.stopping)}`;
  // One column less than there is: some terminals wrap when the last one is written to.
  return [...shown, last].map((line) => truncate(line, columns - 1));
}

function isRunning({ state }: StepReport): boolean {
  return state === 'running';
}

function hostLines(
  on: HostId,
  own: readonly StepReport[],
  report: RunReport,
  { style, nowMs, tick }: FrameOptions,
): string[] {
  const name = style.cyan(padEnd(nameOf(on), nameWidth(report)));
  const running = own.filter(isRunning);
  if (running.length === 0) {
    return [`${style.dim('·')} ${name}  ${style.dim(`${own.filter(isEnded).length} of ${own.length} done, waiting`)}`];
  }
  const spinner = style.cyan(SPINNER[tick % SPINNER.length] ?? '');
  return running.map((step) => {
    const since = step.startedAt === null ? 0 : nowMs - Date.parse(step.startedAt);
    const again = step.attempts > 1 ? style.yellow(` (attempt ${step.attempts})`) : '';
    const note = step.notes.at(-1)?.text;
    return `${spinner} ${name}  ${style.dim(stopwatch(since))} ${harmless(step.title)}${again}${note === undefined ? '' : style.dim(` · ${harmless(note)}`)}`;
  });
}
