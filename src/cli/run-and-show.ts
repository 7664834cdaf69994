import { KeelsonError } from '../model/errors.ts';
import type { Context } from '../operations/context.ts';
import type { Plan } from '../plan/types.ts';
import type { Session } from './session.ts';
import { startProgress } from './start-progress.ts';
import { summaryLines } from './views/human/runs.ts';
import { document } from './views/json/document.ts';
import { afterEvent, noRun, type RunReport } from './views/run-report.ts';

export interface RunAndShow {
  command: string;
  plan: Plan;
  /** The next command to give after a run that went well. */
  next: readonly string[];
}

/** Runs a plan before the user's eyes and sums up. What ended the run other than well is thrown after the summary. */
export async function runAndShow(
  session: Session,
  context: Context,
  { command, plan, next }: RunAndShow,
): Promise<RunReport> {
  const { runPlan } = await import('../operations/run.ts');
  const { cancel, stop } = session.interruption;
  const progress = startProgress(session);
  const silence = session.interruption.announceTo(progress.stopping);
  let report = noRun;
  let ran: Awaited<ReturnType<typeof runPlan>>;
  try {
    ran = await runPlan(context.subject, context.ports, await context.operator(command), {
      intent: plan.intent,
      approved: plan,
      emit: (event) => {
        report = afterEvent(report, event);
        progress.event(event);
      },
      note: progress.note,
      signals: { cancel, stop },
    });
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
