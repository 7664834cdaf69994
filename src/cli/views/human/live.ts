import type { Output } from '../../io.ts';
import type { Progress } from '../progress.ts';
import { afterEvent, isEnded, noRun, type RunReport } from '../run-report.ts';
import { endedLine, frame } from './live-frame.ts';
import type { Style } from './style.ts';
import { harmless, width } from './text.ts';

export interface LiveOptions {
  output: Output;
  style: Style;
  now: () => Date;
  /** Calls back every so many milliseconds until the returned function is called. */
  every: (ms: number, call: () => void) => () => void;
}

const FRAME_MS = 100;
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
// Terminals that know it show everything in between at once; others pass it over.
const BEGIN_UPDATE = '\u001b[?2026h';
const END_UPDATE = '\u001b[?2026l';

/**
 * A few lines at the bottom that are drawn again at most ten times a second, and above them the steps that have ended, which scroll away
 * as ordinary output.
 */
export function liveProgress({ output, style, now, every }: LiveOptions): Progress {
  let report: RunReport = noRun;
  let drawn: readonly string[] = [];
  let above: string[] = [];
  let tick = 0;
  let stopping = '';
  let open = true;

  /** Rows that the last picture takes now: after the window became narrower its lines may have been broken. */
  function rowsTaken(columns: number): number {
    return drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(width(line) / columns)), 0);
  }

  function draw(): void {
    if (!open) return;
    const { columns, rows } = output.size();
    const next = frame(report, { style, columns, rows, nowMs: now().getTime(), tick, stopping });
    if (above.length === 0 && same(next, drawn)) return;
    const up = rowsTaken(columns);
    const back = up === 0 ? '' : `\u001b[${up}A\r`;
    const text = [...above, ...next].map((line) => `\u001b[2K${line}\n`).join('');
    output.write(`${BEGIN_UPDATE}${HIDE_CURSOR}${back}${text}\u001b[J${END_UPDATE}`);
    drawn = next;
    above = [];
  }

  const stopTimer = every(FRAME_MS, () => {
    tick += 1;
    draw();
  });
  const stopResize = output.onResize(draw);

  return {
    event: (event) => {
      if (!open) return;
      report = afterEvent(report, event);
      if (event.type === 'step.finished') {
        const step = report.steps.find((s) => s.id === event.step);
        if (step !== undefined && isEnded(step)) above.push(endedLine(step, report, style));
      }
      if (event.type === 'run.note') above.push(style.dim(harmless(event.text)));
      // Drawn by the timer: many events in one moment make one picture.
    },
    note: (text) => {
      if (!open) return;
      above.push(style.dim(harmless(text)));
      draw();
    },
    stopping: (text) => {
      if (!open) return;
      stopping = harmless(text);
      if (report.startedAt === null) above.push(style.yellow(stopping));
      draw();
    },
    close: () => {
      if (!open) return;
      stopTimer();
      stopResize();
      const up = rowsTaken(output.size().columns);
      const back = up === 0 ? '' : `\u001b[${up}A\r`;
      output.write(`${back}${above.map((line) => `\u001b[2K${line}\n`).join('')}\u001b[J${SHOW_CURSOR}`);
      open = false;
    },
  };
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, n) => line === b[n]);
}
