import type { ErrorJson } from './errors.ts';
import type { HostId, RunId, StepId } from './ids.ts';

/** What a run is made of, for readers of events who have no plan at hand. */
export interface EventStep {
  id: StepId;
  kind: string;
  on: HostId;
  title: string;
  risk: 'safe' | 'disruptive' | 'destructive';
  needs: readonly StepId[];
}

export interface RunStarted {
  type: 'run.started';
  command: string;
  cluster: string;
  user: string;
  operator: string;
  plan: { digest: string; steps: readonly EventStep[] };
  fence: number;
}

/** Which process runs it: after a crash its own machine can tell that it is gone. */
export interface RunProcess {
  operatorMachineId: string;
  operatorBootId: string;
  pid: number;
  /** In clock ticks since boot: a pid alone is reused. */
  pidStart: string;
}

/** Stands in the journal before the lock is taken, so that no run leaves a lock and no journal. */
export interface RunOpened {
  type: 'run.opened';
  command: string;
  cluster: string;
  user: string;
  operator: string;
  process: RunProcess;
}

/** One union feeds journal, terminal, JSON and browser. `at` is ISO 8601 in UTC; `seq` counts from 1 within a run; 0 opens its journal. */
export type RunEvent = { seq: number; at: string; run: RunId } & (
  | RunOpened
  | RunStarted
  | { type: 'step.started'; step: StepId; attempt: number }
  | { type: 'step.note'; step: StepId; text: string }
  | { type: 'step.finished'; step: StepId; outcome: 'changed' | 'already-right' }
  | { type: 'step.finished'; step: StepId; outcome: 'failed' | 'unknown'; error: ErrorJson }
  | { type: 'run.note'; text: string }
  | { type: 'run.finished'; outcome: 'done' | 'failed' | 'cancelled'; error?: ErrorJson }
);
export type RunEventBody = RunEvent extends infer E
  ? E extends RunEvent
    ? Omit<E, 'seq' | 'at' | 'run'>
    : never
  : never;
