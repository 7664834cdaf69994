import type { Handler } from '../define.ts';
import { withCluster } from '../open.ts';
import { statusLines } from '../views/human/status.ts';
import { document } from '../views/json/document.ts';

const UNHEALTHY = 3;

export const status: Handler = async (session) => {
  const show: Parameters<typeof withCluster<number>>[1] = async (context) => {
    const { readStatus } = await import('../../operations/status.ts');
    const report = await readStatus(context, session.interruption.cancel);
    await session.print(document('Status', report), () =>
      statusLines(report, { style: session.out, columns: session.columns, verbose: session.options.verbose }),
    );
    return report.healthy ? 0 : UNHEALTHY;
  };
  // A monitoring computer need not have the bundle.
  return withCluster(session, show, { software: 'if-readable' });
};
