import type { ErrorJson } from '../../model/errors.ts';
import type { EventStep, RunEvent, RunProcess } from '../../model/events.ts';
import type { HostId, RunId, StepId } from '../../model/ids.ts';

export interface StepReport {
  id: StepId;
  kind: string;
  on: HostId;
  title: string;
  risk: EventStep['risk'];
  /** `waiting` was never started; `running` has no end in the journal: the process died, or it still runs. */
  state: 'waiting' | 'running' | 'changed' | 'already-right' | 'failed' | 'unknown';
  attempts: number;
  startedAt: string | null;
  endedAt: string | null;
  notes: readonly { at: string; text: string }[];
  error?: ErrorJson;
}

/** A run as its events tell it: the same for one that goes on before our eyes and for one in an old journal. */
export interface RunReport {
  run: RunId | null;
  command: string;
  cluster: string;
  user: string;
  operator: string;
  fence: number;
  planDigest: string;
  startedAt: string | null;
  endedAt: string | null;
  /** `unfinished`: the journal has no end. */
  outcome: 'done' | 'failed' | 'cancelled' | 'unfinished' | 'nothing-to-do';
  /** Which process ran it, and whether it lives; null in journals that do not tell. */
  process: (RunProcess & { state?: 'running' | 'dead' | 'unknown' }) | null;
  steps: readonly StepReport[];
  notes: readonly { at: string; text: string }[];
  error?: ErrorJson;
  /** Lines of the journal are missing or cut off: what is told may not be all. */
  damaged?: true;
}

export const noRun: RunReport = {
  run: null,
  command: '',
  cluster: '',
  user: '',
  operator: '',
  fence: 0,
  planDigest: '',
  startedAt: null,
  endedAt: null,
  outcome: 'unfinished',
  process: null,
  steps: [],
  notes: [],
};

export function reportOf(events: readonly RunEvent[]): RunReport {
  return events.reduce(afterEvent, noRun);
}

/** What a run says of itself when its journal is opened, and again with its plan. */
function headOf({
  run,
  command,
  cluster,
  user,
  operator,
  at,
}: Extract<RunEvent, { type: 'run.opened' | 'run.started' }>) {
  return { run, command, cluster, user, operator, startedAt: at };
}

/** The report after one more event. Events about steps that are not in the plan are passed over. */
export function afterEvent(report: RunReport, event: RunEvent): RunReport {
  switch (event.type) {
    case 'run.opened':
      return { ...report, ...headOf(event), process: event.process };
    case 'run.started':
      return {
        ...report,
        ...headOf(event),
        fence: event.fence,
        planDigest: event.plan.digest,
        steps: event.plan.steps.map(({ id, kind, on, title, risk }) => ({
          id,
          kind,
          on,
          title,
          risk,
          state: 'waiting',
          attempts: 0,
          startedAt: null,
          endedAt: null,
          notes: [],
        })),
      };
    case 'step.started':
      return changeStep(report, event.step, (step) => ({
        ...step,
        state: 'running',
        attempts: event.attempt,
        startedAt: step.startedAt ?? event.at,
      }));
    case 'step.note':
      return changeStep(report, event.step, (step) => ({
        ...step,
        notes: [...step.notes, { at: event.at, text: event.text }],
      }));
    case 'step.finished':
      return changeStep(report, event.step, (step) => ({
        ...step,
        state: event.outcome,
        endedAt: event.at,
        ...('error' in event ? { error: event.error } : {}),
      }));
    case 'run.note':
      return { ...report, notes: [...report.notes, { at: event.at, text: event.text }] };
    case 'run.finished':
      return {
        ...report,
        outcome: event.outcome,
        endedAt: event.at,
        ...(event.error === undefined ? {} : { error: event.error }),
      };
    default:
      return report;
  }
}

function changeStep(report: RunReport, id: StepId, change: (step: StepReport) => StepReport): RunReport {
  return { ...report, steps: report.steps.map((step) => (step.id === id ? change(step) : step)) };
}

export function isEnded({ state }: StepReport): boolean {
  return state !== 'waiting' && state !== 'running';
}

/** Milliseconds between two moments; null while one is missing. */
export function tookMs(part: { startedAt: string | null; endedAt: string | null }): number | null {
  if (part.startedAt === null || part.endedAt === null) return null;
  return Date.parse(part.endedAt) - Date.parse(part.startedAt);
}
