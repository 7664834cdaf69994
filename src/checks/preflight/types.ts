import type { Node } from '../../desired/nodes.ts';
import type { DesiredMachine, Member } from '../../desired/types.ts';
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
  machine: DesiredMachine;
  /** Of etcd, also on a control plane; null where no etcd is to run. */
  member: Member | null;
  /** Null on a machine that is no node of Kubernetes. */
  node: Node | null;
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

/** The same for machines with a kubelet: of etcd, control planes and workers. */
export function ofEachKubelet(code: ErrorCode, judge: Parameters<typeof ofEachHost>[1]): Check {
  return ofEachHost(code, (subject, say) =>
    subject.member === null && subject.node === null ? [] : judge(subject, say),
  );
}

export function subjects({ view, preflight }: CheckInput): Subject[] {
  const { machines, hosts, nodes } = view.desired;
  return machines.flatMap((machine) => {
    const { id } = machine;
    const facts = view.facts.hosts.get(id);
    const extra = preflight.get(id);
    if (facts === undefined || extra === undefined) return [];
    const member = hosts.get(id)?.member ?? null;
    const node = nodes.find(({ host }) => host === id) ?? null;
    return [{ id, view, machine, member, node, facts: onlyKnown(facts), preflight: onlyKnown(extra) }];
  });
}

/** Its own record says that it has been claimed for this cluster: what runs there is what keelson has made. */
export function isOurs({ view, facts }: Subject): boolean {
  const { uid } = view.desired.cluster;
  return uid !== null && facts.record?.is === 'record' && facts.record.record.clusterUid === uid;
}

/** The user has said that kubeadm need not mind. */
export function isIgnored({ view }: Subject, check: string): boolean {
  const names = view.desired.config.spec.kubeadm.ignorePreflightErrors;
  return names.some((name) => name.toLowerCase() === check.toLowerCase());
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
