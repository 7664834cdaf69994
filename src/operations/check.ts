import { finding, sortFindings } from '../checks/finding.ts';
import { preflightFindings } from '../checks/preflight/index.ts';
import { said } from '../checks/text.ts';
import type { Ports } from '../engine/types.ts';
import { gatherPreflight } from '../facts/preflight/gather.ts';
import type { Fact, View } from '../facts/types.ts';
import type { Finding } from '../model/finding.ts';
import type { HostId } from '../model/ids.ts';
import type { Context } from './context.ts';
import { type Dial, tryForward } from './forwarding.ts';
import type { CheckedHost, CheckReport } from './report-types.ts';
import { type MadePlan, makePlan, refused, type Subject } from './run.ts';

export interface CheckOptions {
  /** What has been read and planned already; without it all machines are asked. */
  made?: MadePlan;
  /** Leaves out what can only warn and takes seconds: the speed of the disks. */
  quick?: boolean;
  /** Tries sshd's forwarding; without it that is not checked. */
  dial?: Dial;
}

/** For the command line: everything, through the context's own connections. */
export function runCheck(context: Context, signal: AbortSignal): Promise<CheckReport> {
  return checkCluster(context.subject, context.ports, signal, { dial: dialOf(context) });
}

/**
 * What of the machines stands in the way of a founding, or of joining a cluster that is there; nothing more once keelson has begun with a
 * machine: then it is ours, and what is wrong with it shows in the steps. Machines are asked for it only when there is something to do.
 */
export async function unfitFindings(
  { subject, ports, machines }: Pick<Context, 'subject' | 'ports' | 'machines'>,
  made: MadePlan,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { result, view } = made;
  if (!result.ok || result.plan.steps.length === 0) return [];
  const founding = view.desired.cluster.phase === 'new';
  const joining = view.desired.nodes.map(({ host }) => host).filter((host) => isUntouched(view, host));
  if (!founding && joining.length === 0) return [];
  const report = await checkCluster(subject, ports, signal, { made, quick: true, dial: dialOf({ machines }) });
  const found = blockingFindings(report);
  return founding ? found : found.filter(({ host }) => host !== undefined && joining.includes(host));
}

/** No run of ours has claimed it yet. */
function isUntouched(view: View, host: HostId): boolean {
  const record = view.facts.hosts.get(host)?.record;
  return record?.is === 'known' && record.value.is === 'absent';
}

/** Rejects with the first of them, all listed. */
export async function mustBeFit(context: Context, made: MadePlan, signal: AbortSignal): Promise<void> {
  const blocking = await unfitFindings(context, made, signal);
  if (blocking.length > 0) throw refused(blocking);
}

function dialOf({ machines }: Pick<Context, 'machines'>): Dial {
  return (host, address, port, limit) => machines.get(host).dial(address, port, limit);
}

/**
 * All findings of all machines at once, and what would keep `apply` from beginning. Changes nothing on any machine: for seconds it
 * listens on the peer port where no etcd is to run, and writes to a file without a name. A machine that cannot be reached is a finding.
 */
export async function checkCluster(
  subject: Subject,
  ports: Ports,
  signal: AbortSignal,
  options: CheckOptions = {},
): Promise<CheckReport> {
  const { view, result } = options.made ?? (await makePlan(subject, ports, { kind: 'apply' }, signal));
  const preflight = await gatherPreflight(
    view,
    {
      hosts: new Map([...ports.machines].map(([id, machine]) => [id, machine.read])),
      clock: ports.clock,
      forwarding: (host, limit) => tryForward(view, host, options.dial ?? null, limit),
      quick: options.quick ?? false,
    },
    signal,
  );
  const hosts = view.desired.machines.map((m) => m.id);
  const lost = hosts.flatMap((id) => unreached(view, id));
  const findings = sortFindings(
    [
      ...lost,
      ...(result.ok ? [] : result.refusals.filter((refusal) => !explained(refusal, lost))),
      ...result.warnings,
      ...preflightFindings({ view, preflight }),
    ],
    hosts,
  );
  return {
    cluster: view.desired.cluster.name,
    at: ports.clock.now().toISOString(),
    ready: blockingFindings({ findings }).length === 0,
    hosts: view.desired.machines.map(({ id, address }) => checkedHost(view, id, address)),
    findings,
  };
}

/** What must be mended before a cluster is founded. */
export function blockingFindings({ findings }: Pick<CheckReport, 'findings'>): Finding[] {
  return findings.filter((found) => found.severity === 'error');
}

/** The adapter's own code and words: no login, an unknown host key, no sudo. */
export function unreached(view: View, host: HostId): Finding[] {
  const fact: Fact<unknown> | undefined = view.facts.hosts.get(host)?.machine;
  if (fact === undefined || fact.is === 'known') return [];
  return [finding(fact.code ?? 'check.unknown', 'error', said(fact.because), { host })];
}

/** That facts of a machine are not known says nothing new about one that could not be reached. */
function explained({ code, host }: Finding, lost: readonly Finding[]): boolean {
  return lost.some((found) => found.host === host && (code === 'safety.unknown-fact' || code === found.code));
}

function checkedHost(view: View, host: HostId, address: string): CheckedHost {
  const machine = view.facts.hosts.get(host)?.machine;
  if (machine?.is !== 'known') return { host, address, reachable: false, about: null };
  const { os, architecture, systemd } = machine.value;
  const name = os.id === '' ? os.name : `${os.id.charAt(0).toUpperCase()}${os.id.slice(1)} ${os.version}`.trim();
  const about = [name, architecture, systemd === '' ? 'no systemd' : `systemd ${systemd}`]
    .map(said)
    .filter((word) => word !== '');
  return { host, address, reachable: true, about: about.join(', ') };
}
