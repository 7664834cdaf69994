import type { ErrorCode } from './codes.ts';
import type { HostId } from './ids.ts';

export type Severity = 'error' | 'warning' | 'info';

/** Something a person should know about a machine or the cluster: what is wrong, and what to do next. */
export interface Finding {
  code: ErrorCode;
  severity: Severity;
  host?: HostId;
  message: string;
  action: string;
}
