import type { RunEvent, RunProcess } from '../../model/events.ts';
import type { ProcessState, RunRecord } from '../../operations/runs.ts';
import type { Handler } from '../define.ts';
import { openOptions } from '../open.ts';
import { runLines, runListLines } from '../views/human/runs.ts';
import { document } from '../views/json/document.ts';
import { type RunReport, reportOf } from '../views/run-report.ts';

export const runs: Handler = async (session, _args, options) => {
  const { listRuns, openRuns, processStates } = await import('../../operations/runs.ts');
  const limit = typeof options.limit === 'number' ? options.limit : undefined;
  const records = await listRuns(await openRuns(await openOptions(session)), limit);
  const stateOf = await processStates();
  const reports = records.map((record) => asReport(record, stateOf));
  // Steps are told by `runs show`: a list of years of runs must stay readable, for programs too.
  const brief = reports.map(({ steps, notes: _notes, ...rest }) => ({ ...rest, stepCount: steps.length }));
  await session.print(document('RunList', { runs: brief }), () => runListLines(reports, session.out, session.columns));
  return 0;
};

export const runsShow: Handler = async (session, [id]) => {
  const { openRuns, processStates, readRun } = await import('../../operations/runs.ts');
  const record = await readRun(await openRuns(await openOptions(session)), id as string);
  const report = asReport(record, await processStates());
  const damaged =
    record.damagedLines.length > 0 ? [`  damaged lines of the journal: ${record.damagedLines.join(', ')}`] : [];
  const torn = record.torn
    ? ['  the journal’s last line is cut off: the process died while it wrote, or the file was damaged since']
    : [];
  await session.print(document('Run', { ...report, torn: record.torn, damagedLines: record.damagedLines }), () => [
    ...runLines(report, { style: session.out, columns: session.columns, verbose: session.options.verbose }),
    ...damaged,
    ...torn,
  ]);
  return 0;
};

/** Only of a run without an end is it worth asking whether its process lives. */
function asReport(
  { run, events, torn, damagedLines }: RunRecord<RunEvent>,
  stateOf: (process: RunProcess) => ProcessState,
): RunReport {
  const whole = !torn && damagedLines.length === 0;
  const report: RunReport = { ...reportOf(events), run, ...(whole ? {} : { damaged: true }) };
  if (report.process === null || report.outcome !== 'unfinished') return report;
  return { ...report, process: { ...report.process, state: stateOf(report.process) } };
}
