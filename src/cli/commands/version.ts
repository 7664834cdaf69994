import type { Handler } from '../define.ts';
import { versionReport, versionText } from '../version.ts';
import { document } from '../views/json/document.ts';

export const version: Handler = async (session) => {
  const report = versionReport();
  await session.print(document('Version', report), () => [versionText(), `node ${report.node} on ${report.platform}`]);
  return 0;
};
