import { type ErrorCode, errorCodes } from '../model/codes.ts';
import type { Finding, Severity } from '../model/finding.ts';
import type { HostId } from '../model/ids.ts';

/** With the catalogue's own advice, unless there is better. */
export function finding(
  code: ErrorCode,
  severity: Severity,
  message: string,
  details: { host?: HostId; action?: string } = {},
): Finding {
  const { host, action = errorCodes[code].action } = details;
  return { code, severity, ...(host === undefined ? {} : { host }), message, action };
}

const RANK: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 };

/** Errors first; then what concerns no machine alone; then in the order of the machines. */
export function sortFindings(findings: readonly Finding[], hosts: readonly HostId[]): Finding[] {
  const place = ({ host }: Finding): number => (host === undefined ? -1 : hosts.indexOf(host));
  return [...findings].sort((a, b) => RANK[a.severity] - RANK[b.severity] || place(a) - place(b));
}
