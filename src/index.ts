/**
 * keelson as a library. Open a cluster, plan, look at the plan, run it; everything that the command line does is here, and nothing here
 * prints, asks or ends the process.
 *
 * ```ts
 * await using cluster = await openContext({ file: './cluster.yaml' });
 * const signal = new AbortController().signal;
 * const { result } = await makePlan(cluster.subject, cluster.ports, { kind: 'apply' }, signal);
 * if (!result.ok) throw refused(result.refusals);
 * const ran = await runPlan(cluster.subject, cluster.ports, await cluster.operator('apply'), {
 *   intent: result.plan.intent,
 *   approved: result.plan,
 *   emit: (event) => console.log(event.type),
 *   note: console.log,
 *   signals: { cancel: signal, stop: signal },
 * });
 * ```
 */

export type { ClusterConfig } from './config/schema.ts';
export type { Ports, RunSignals } from './engine/types.ts';
export { type ErrorCode, errorCodes } from './model/codes.ts';
export { type ErrorDetails, type ErrorJson, KeelsonError } from './model/errors.ts';
export type { EventStep, RunEvent } from './model/events.ts';
export type { Finding, Severity } from './model/finding.ts';
export { type Digest, type HostId, hostId, OPERATOR, type RunId, type StepId } from './model/ids.ts';
export { Secret } from './model/secret.ts';
export { runCheck } from './operations/check.ts';
export { type Context, type Located, locate, type OpenOptions, openContext, readConfig } from './operations/context.ts';
export { type ClusterAnswers, clusterFile, writeClusterFile } from './operations/init.ts';
export { type HostLock, type LockReport, readLock, type StealReport, unlock } from './operations/lock.ts';
export { type RenderClusterOptions, type RenderedFile, type RenderReport, renderCluster } from './operations/render.ts';
export type {
  CertificateReport,
  CheckedHost,
  CheckReport,
  EtcdReport,
  MemberReport,
  QuorumReport,
  StatusReport,
} from './operations/report-types.ts';
export {
  type MadePlan,
  makePlan,
  type Operator,
  type Ran,
  type RunRequest,
  refused,
  runPlan,
  type Subject,
} from './operations/run.ts';
export { listRuns, openRuns, type RunRecord, readRun } from './operations/runs.ts';
export { readSavedPlan, writeSavedPlan } from './operations/saved-plan.ts';
export { readStatus } from './operations/status.ts';
export {
  type HostKeyScan,
  recordScanned,
  refuseChangedKeys,
  type ScannedHost,
  scanCluster,
  type TrustRequest,
  unrecorded,
} from './operations/trust.ts';
export type { Intent, Plan, PlannedStep, PlanResult } from './plan/types.ts';
export type { Change, Risk } from './steps/types.ts';
