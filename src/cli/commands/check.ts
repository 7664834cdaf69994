import type { Handler } from '../define.ts';
import { withCluster } from '../open.ts';
import { checkLines } from '../views/human/check.ts';
import { document } from '../views/json/document.ts';

const UNHEALTHY = 3;

export const check: Handler = async (session) =>
  withCluster(session, async (context) => {
    const { runCheck } = await import('../../operations/check.ts');
    const report = await runCheck(context, session.interruption.cancel);
    await session.print(document('CheckReport', report), () => checkLines(report, session.out, session.columns));
    return report.ready ? 0 : UNHEALTHY;
  });
