import type { View } from '../../facts/types.ts';
import type { HostRecord } from '../../model/host-record.ts';
import type { HostId } from '../../model/ids.ts';
import { isFounded } from '../../ports/vault.ts';

/** What the machine itself keeps of whose it is. */
export function recordOf(view: View, host: HostId): HostRecord | null {
  const record = view.facts.hosts.get(host)?.record;
  return record?.is === 'known' && record.value.is === 'record' ? record.value.record : null;
}

/** The cluster id that the machine itself records; it knows when the vault cannot be opened, too. */
export function recordedClusterId(view: View, host: HostId): string | null {
  return recordOf(view, host)?.etcdClusterId ?? null;
}

/** Says that a member of a founded cluster has no data any more; null when it has, or when that is not known. */
export function lostData(view: View, host: HostId): string | null {
  const data = view.facts.hosts.get(host)?.etcdData;
  if (data?.is !== 'known' || data.value.is === 'data') return null;
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
