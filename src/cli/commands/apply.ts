import { KeelsonError } from '../../model/errors.ts';
import type { Plan } from '../../plan/types.ts';
import type { Handler } from '../define.ts';
import { planReport, withCluster } from '../open.ts';
import { runAndShow, showSummary } from '../run-and-show.ts';
import { planLines } from '../views/human/plan.ts';
import { noRun } from '../views/run-report.ts';

const NEXT = ['keelson status'];

export const apply: Handler = async (session, [planFile], options) => {
  const saved = typeof planFile === 'string' ? await readPlan(planFile) : null;
  return withCluster(session, async (context) => {
    const { checkApproved, makePlan, refused, runPlan } = await import('../../operations/run.ts');
    const { subject, ports } = context;
    const restart =
      options.restartFounding === true || (saved?.intent.kind === 'apply' && saved.intent.restartFounding === true);
    const intent = { kind: 'apply', ...(restart ? { restartFounding: true } : {}) } as const;
    const { planWithMembersBack } = await import('../../operations/await-members.ts');
    const { cancel } = session.interruption;
    const made = await planWithMembersBack(() => makePlan(subject, ports, intent, cancel), {
      clock: ports.clock,
      note: (text) => session.tell(text),
      signal: cancel,
    });
    const { result } = made;
    if (!result.ok) throw refused(result.refusals);
    const { plan } = result;
    // Again once the lock is held; here so that nobody is asked about a plan that cannot be run.
    if (saved !== null) checkApproved(plan, saved);
    const { refuseLocked, releaseDeadLock } = await import('../../operations/lock.ts');
    const { isDead } = await context.operator('apply');
    if (plan.steps.length === 0) {
      await releaseDeadLock(ports.machines, isDead, session.interruption.cancel);
      await showSummary(
        session,
        { ...noRun, command: 'apply', cluster: subject.config.metadata.name, outcome: 'nothing-to-do' },
        [],
      );
      return 0;
    }
    await refuseLocked(ports.machines, isDead, cancel);
    const { mustBeFit } = await import('../../operations/check.ts');
    await mustBeFit(context, made, session.interruption.cancel);
    const report = planReport(context, intent, result);
    const lines = planLines(report, {
      style: session.err,
      columns: session.columns,
      diff: options.diff === true,
      verbose: session.options.verbose,
    });
    session.tell(`${lines.join('\n')}\n`);
    if (!(await session.confirm(`Apply this plan to cluster ${report.cluster}?`))) {
      session.tell('Nothing was changed.');
      return 1;
    }
    const approved = saved ?? plan;
    await runAndShow(session, context, {
      command: 'apply',
      run: (operator, request) => runPlan(subject, ports, operator, { ...request, intent, approved, seen: made.view }),
      next: NEXT,
    });
    return 0;
  });
};

async function readPlan(file: string): Promise<Plan> {
  const { readSavedPlan } = await import('../../operations/saved-plan.ts');
  const plan = await readSavedPlan(file);
  if (plan.intent.kind !== 'apply')
    throw new KeelsonError('plan.stale', `${file} is a plan of keelson ${plan.intent.kind}, not of apply`);
  return plan;
}
