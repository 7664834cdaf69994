import { KeelsonError } from '../model/errors.ts';
import type { Context } from '../operations/context.ts';
import type { Operator, Ran, RunRequest } from '../operations/run.ts';
import type { Session } from './session.ts';
import { startProgress } from './start-progress.ts';
import { summaryLines } from './views/human/runs.ts';
import { document } from './views/json/document.ts';
import { afterEvent, noRun, type RunReport } from './views/run-report.ts';

/** What the run itself is given; the rest is the same for all. */
type Request = Pick<RunRequest, 'emit' | 'note' | 'signals'>;

export interface RunAndShow {
  command: string;
  run: (operator: Operator, request: Request) => Promise<Ran | 'nothing-to-do'>;
  /** The next command to give after a run that went well. */
  next: readonly string[];
}

/** Runs a plan before the user's eyes and sums up. What ended the run other than well is thrown after the summary. */
export async function runAndShow(
  session: Session,
  context: Context,
  { command, run, next }: RunAndShow,
): Promise<RunReport> {
  const { cancel, stop } = session.interruption;
  const progress = startProgress(session);
  const silence = session.interruption.announceTo(progress.stopping);
  let report = noRun;
  let ran: Ran | 'nothing-to-do';
  try {
    ran = await run(await context.operator(command), {
      emit: (event) => {
        report = afterEvent(report, event);
        progress.event(event);
      },
      note: progress.note,
      signals: { cancel, stop },
    });
  } catch (error) {
    // Cut off before the first step, whatever broke first: it was the interruption.
    if (!stop.aborted) throw error;
    throw new KeelsonError('interrupted', 'stopped at once, before anything was changed', { cause: error });
  } finally {
    silence();
    progress.close();
  }
  if (ran === 'nothing-to-do')
    report = { ...noRun, command, cluster: context.config.metadata.name, outcome: 'nothing-to-do' };
  await showSummary(session, report, next);
  if (ran !== 'nothing-to-do' && ran.outcome !== 'done')
    throw ran.error ?? new KeelsonError('interrupted', 'the run was interrupted');
  return report;
}

export async function showSummary(session: Session, report: RunReport, next: readonly string[]): Promise<void> {
  const well = report.outcome === 'done' || report.outcome === 'nothing-to-do';
  await session.print(document('Run', report), () =>
    summaryLines(report, { style: session.out, next: well ? next : [] }),
  );
}
