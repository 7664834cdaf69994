import { describe, expect, it } from 'vitest';
import { recorder } from '../io.ts';
import { runEvents } from '../testing/reports.ts';
import { liveProgress } from './human/live.ts';
import { frame } from './human/live-frame.ts';
import { plainStyle } from './human/style.ts';
import { width } from './human/text.ts';
import { jsonProgress } from './json/progress.ts';
import { plainProgress } from './plain/progress.ts';
import { reportOf } from './run-report.ts';

const golden = (name: string): string => `./__golden__/${name}.txt`;
const now = (): Date => new Date('2026-11-21T10:15:30.000Z');

it('plain: one line for each thing that happens, with its machine in front', async () => {
  const out = recorder();
  const progress = plainProgress({ write: out.write, now });
  progress.note('took over the lock of run x');
  for (const event of runEvents()) progress.event(event);
  progress.stopping('stopping at once');
  await expect(out.text()).toMatchFileSnapshot(golden('plain'));
  for (const line of out.text().trimEnd().split('\n')) expect(line).toMatch(/^\[[a-z0-9-]+\] \d\d:\d\d:\d\dZ /);
});

it('plain: counts one step as one', () => {
  const out = recorder();
  const [started] = runEvents();
  if (started?.type !== 'run.started') throw new Error('the run of this test has no start');
  const one = { ...started, plan: { ...started.plan, steps: started.plan.steps.slice(0, 1) } };
  plainProgress({ write: out.write, now }).event(one);
  expect(out.text()).toContain('apply lab, 1 step, by');
});

it('json: each event is one line, unchanged', () => {
  const out = recorder();
  const progress = jsonProgress({ write: out.write, now });
  progress.note('a remark');
  for (const event of runEvents()) progress.event(event);
  const [note, ...events] = out
    .text()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(note).toMatchObject({ type: 'note', text: 'a remark' });
  expect(events).toEqual(runEvents());
});

describe('a frame', () => {
  const report = reportOf(runEvents().slice(0, 6));
  const options = { style: plainStyle, columns: 100, rows: 24, nowMs: now().getTime(), tick: 0, stopping: '' };

  it('has a line for each machine with something to do', async () => {
    await expect(frame(report, options).join('\n')).toMatchFileSnapshot(golden('frame'));
  });
  it('is never wider or higher than the terminal', () => {
    for (const columns of [10, 40, 79]) {
      for (const rows of [3, 4, 24]) {
        const lines = frame(report, { ...options, columns, rows, stopping: 'stopping at the next safe boundary' });
        expect(lines.length).toBeLessThan(rows);
        for (const line of lines) expect(width(line)).toBeLessThan(columns);
      }
    }
  });
  it('tells about a signal', () => {
    expect(frame(report, { ...options, stopping: 'stopping at once' }).at(-1)).toContain('stopping at once');
  });
  it('is empty before the run has started', () => {
    expect(frame(reportOf([]), options)).toEqual([]);
  });
});

describe('live', () => {
  function start(columns = 100) {
    const out = recorder(columns, true);
    let tick = (): void => undefined;
    let stopped = 0;
    const progress = liveProgress({
      output: out,
      style: plainStyle,
      now,
      every: (_ms, call) => {
        tick = call;
        return () => {
          stopped += 1;
        };
      },
    });
    return { out, progress, tick: () => tick(), stopped: () => stopped };
  }

  it('draws by the timer alone, however many events come', () => {
    const { out, progress, tick } = start();
    for (const event of runEvents()) progress.event(event);
    expect(out.text()).toBe('');
    tick();
    const once = out.text().length;
    expect(once).toBeGreaterThan(0);
    expect(screenOf(out.text())).toContain(
      '✖ etcd-0    run etcd member etcd-0 so that it can never found a second cluster: etcd-0 does not answer  2.0 s',
    );
  });

  it('keeps ended steps, and leaves nothing else behind', () => {
    const { out, progress, tick, stopped } = start();
    for (const event of runEvents()) {
      progress.event(event);
      tick();
      tick();
    }
    progress.close();
    progress.close();
    progress.event(runEvents()[0] as never);
    tick();
    expect(stopped()).toBe(1);
    expect(out.text().endsWith('\u001b[?25h')).toBe(true);
    expect(screenOf(out.text()).split('\n')).toEqual([
      expect.stringMatching(/^= etcd-0 /),
      expect.stringMatching(/^✔ etcd-1 /),
      'etcd-2 has been away since the start',
      expect.stringMatching(/^✖ etcd-0 /),
      '',
    ]);
  });
});

/** What a terminal shows: knows the few codes that are used. */
function screenOf(output: string): string {
  const rows: string[] = [''];
  let at = 0;
  for (const [piece] of output.matchAll(/\u001b\[[?0-9;]*[a-zA-Z]|\r|\n|[^\u001b\r\n]+/g)) {
    const up = /^\u001b\[(\d+)A$/.exec(piece)?.[1];
    if (up !== undefined) at -= Number(up);
    else if (piece === '\u001b[2K') rows[at] = '';
    else if (piece === '\u001b[J') rows.splice(at, rows.length, '');
    else if (piece === '\n') {
      at += 1;
      rows[at] ??= '';
    } else if (!piece.startsWith('\u001b') && piece !== '\r') rows[at] = piece;
    if (at < 0) throw new Error('above the first line');
  }
  return rows.join('\n');
}
