import type { HostFacts, View } from '../../facts/types.ts';
import type { HostRecord } from '../../model/host-record.ts';
import type { HostId } from '../../model/ids.ts';
import { dataDirChanged } from '../../plan/data-dir.ts';
import { isFounded } from '../../ports/vault.ts';

/** What the machine itself keeps of whose it is. */
export function recordOf(view: View, host: HostId): HostRecord | null {
  const record = view.facts.hosts.get(host)?.record;
  return record?.is === 'known' && record.value.is === 'record' ? record.value.record : null;
}

/** For a founding that is not finished. */
export const GO_ON = 'Wait for the run that is under way (keelson lock shows it), or run keelson apply: it goes on.';

export interface Traces {
  /** Machines on which an etcd runs. */
  running: readonly HostId[];
  /** Machines that hold etcd’s data. */
  data: readonly HostId[];
  /** Machines of which it is not known. */
  unknown: readonly HostId[];
}

/** What of an etcd the machines show by themselves. */
export function traces(view: View): Traces {
  const hosts = view.desired.members.map((m) => m.host);
  const of = (holds: (facts: HostFacts) => boolean): HostId[] =>
    hosts.filter((host) => {
      const facts = view.facts.hosts.get(host);
      return facts !== undefined && holds(facts);
    });
  return {
    running: of(({ etcdProcess }) => etcdProcess.is === 'known' && etcdProcess.value.is === 'running'),
    data: of(({ etcdData }) => etcdData.is === 'known' && etcdData.value.is === 'data'),
    unknown: of(({ record, etcdProcess, etcdData }) => [record, etcdProcess, etcdData].some((f) => f.is === 'unknown')),
  };
}

/** The cluster id that the machine itself records; it knows when the vault cannot be opened, too. */
export function recordedClusterId(view: View, host: HostId): string | null {
  return recordOf(view, host)?.etcdClusterId ?? null;
}

/** Says that a member of a founded cluster has no data any more; null when it has, or when that is not known. */
export function lostData(view: View, host: HostId): string | null {
  const data = view.facts.hosts.get(host)?.etcdData;
  if (!view.desired.members.some((member) => member.host === host)) return null;
  if (data?.is !== 'known' || data.value.is === 'data' || dataDirChanged(view)) return null;
  if (!isFounded(view.desired.cluster.phase) && recordedClusterId(view, host) === null) return null;
  const { dataDir } = view.desired.config.spec.etcd;
  if (data.value.is === 'foreign') return `its data is gone: ${dataDir} holds something that is not etcd’s`;
  if (data.value.is === 'remains') return `its data is gone: ${dataDir} holds no write-ahead log`;
  return `its data is gone: ${dataDir} is ${data.value.is === 'empty' ? 'empty' : 'not there'}`;
}

/** Before the founding no member is missed. */
export function neverStarted(view: View, host: HostId): boolean {
  const facts = view.facts.hosts.get(host);
  const sure = view.facts.vault.is === 'known' && view.facts.vault.value.is !== 'sealed';
  if (!sure || view.desired.cluster.phase !== 'new' || recordedClusterId(view, host) !== null) return false;
  return facts?.etcdProcess.is === 'known' && facts.etcdProcess.value.is === 'absent';
}
