import type { DesiredHost } from '../../desired/types.ts';
import type { PreflightFacts } from '../../facts/preflight/types.ts';
import type { Fact, HostFacts, View } from '../../facts/types.ts';
import type { ErrorCode } from '../../model/codes.ts';
import type { Finding, Severity } from '../../model/finding.ts';
import type { HostId } from '../../model/ids.ts';
import { finding } from '../finding.ts';

export interface CheckInput {
  view: View;
  /** What was asked; nothing is said about the rest. */
  preflight: ReadonlyMap<HostId, Partial<PreflightFacts>>;
}

/** One thing that must be so before a cluster is made. Pure; it says nothing about what is not known. */
export interface Check {
  code: ErrorCode;
  judge: (input: CheckInput) => readonly Finding[];
}

/** One machine, with the facts that are known. */
export interface Subject {
  id: HostId;
  view: View;
  host: DesiredHost;
  facts: Known<HostFacts>;
  preflight: Partial<Known<PreflightFacts>>;
}

type Known<Facts> = { readonly [N in keyof Facts]: Facts[N] extends Fact<infer T> ? T | undefined : never };

export type Say = (severity: Severity, message: string, action?: string) => Finding;

/** A check of each machine by itself. */
export function ofEachHost(code: ErrorCode, judge: (subject: Subject, say: Say) => readonly (Finding | null)[]): Check {
  return {
    code,
    judge: (input) =>
      subjects(input).flatMap((subject) => {
        const say: Say = (severity, message, action) =>
          finding(code, severity, message, { host: subject.id, ...(action === undefined ? {} : { action }) });
        return judge(subject, say).filter((found) => found !== null);
      }),
  };
}

export function subjects({ view, preflight }: CheckInput): Subject[] {
  return [...view.desired.hosts.values()].flatMap((host) => {
    const facts = view.facts.hosts.get(host.id);
    const extra = preflight.get(host.id);
    if (facts === undefined || extra === undefined) return [];
    return [{ id: host.id, view, host, facts: onlyKnown(facts), preflight: onlyKnown(extra) }];
  });
}

function onlyKnown<Facts extends object>(facts: Facts): Known<Facts> {
  const known = Object.entries(facts).map(([name, fact]: [string, Fact<unknown>]) => [
    name,
    fact.is === 'known' ? fact.value : undefined,
  ]);
  return Object.fromEntries(known) as Known<Facts>;
}

/** 36 of `v1.36.3`. */
export function minorOf(version: string): number {
  return Number(/^v?1\.(\d+)/.exec(version)?.[1] ?? Number.NaN);
}
