import type { Handler } from '../define.ts';
import { withCluster } from '../open.ts';
import { lockLines, unlockLines } from '../views/human/lock.ts';
import { document } from '../views/json/document.ts';

type Use = Parameters<typeof withCluster<number>>[1];

export const lock: Handler = async (session) => {
  const show: Use = async (context) => {
    const { ports } = context;
    const { readLock } = await import('../../operations/lock.ts');
    const report = await readLock(ports.machines, (await context.operator('lock')).isDead, session.interruption.cancel);
    await session.print(document('LockState', report), () =>
      lockLines(report, session.io.now(), session.out, session.columns),
    );
    return 0;
  };
  return withCluster(session, show, { software: 'unread' });
};

export const unlock: Handler = async (session, [id], options) => {
  const release: Use = async ({ ports }) => {
    const operations = await import('../../operations/lock.ts');
    const except = (options.except ?? []) as readonly string[];
    const report = await operations.unlock(ports.machines, id as string, except, session.interruption.cancel);
    await session.print(document('Unlocked', report), () => unlockLines(report, session.out));
    return report.complete ? 0 : 1;
  };
  return withCluster(session, release, { software: 'unread' });
};
