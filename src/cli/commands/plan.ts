import { errorCodes } from '../../model/codes.ts';
import type { Finding } from '../../model/finding.ts';
import type { Handler } from '../define.ts';
import { planReport, withCluster } from '../open.ts';
import { planLines } from '../views/human/plan.ts';
import { planDocument } from '../views/json/plan.ts';

const CHANGES_PENDING = 2;

export const plan: Handler = async (session, _args, options) =>
  withCluster(session, async (context) => {
    const [{ makePlan }, { unfitFindings }] = await Promise.all([
      import('../../operations/run.ts'),
      import('../../operations/check.ts'),
    ]);
    const intent = { kind: 'apply', ...(options.restartFounding === true ? { restartFounding: true } : {}) } as const;
    const made = await makePlan(context.subject, context.ports, intent, session.interruption.cancel);
    const { result } = made;
    const unfit = await unfitFindings(context, made, session.interruption.cancel);
    const report = planReport(context, intent, result, unfit);
    const document = planDocument(report);
    if (typeof options.out === 'string' && result.ok) {
      const { writeSavedPlan } = await import('../../operations/saved-plan.ts');
      await writeSavedPlan(options.out, document);
      session.tell(`Written to ${options.out}. Run just this: keelson apply ${options.out}`);
    }
    await session.print(document, () =>
      planLines(report, {
        style: session.out,
        columns: session.columns,
        diff: options.diff === true,
        verbose: session.options.verbose,
      }),
    );
    if (!result.ok) return exitOf(result.refusals);
    if (unfit.length > 0) return exitOf(unfit);
    return options.detailedExitcode === true && result.plan.steps.length > 0 ? CHANGES_PENDING : 0;
  });

/** A refusal by a safety rule outweighs what merely could not be read. */
function exitOf(refusals: readonly Finding[]): number {
  return Math.max(1, ...refusals.map((r) => errorCodes[r.code].exit));
}
