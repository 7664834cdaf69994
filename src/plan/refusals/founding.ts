import { paths } from '../../desired/paths.ts';
import type { Finding } from '../../model/finding.ts';
import { isFounded } from '../../ports/vault.ts';
import type { View } from '../../steps/types.ts';
import { refusal } from '../finding.ts';
import type { PlanRefusal } from './types.ts';

/**
 * A cluster is founded only when the vault records none and every machine is known to hold no data. While a founding is under way, data is
 * ours when the machine's record and the token in its kubeadm configuration are.
 */
export const founding: PlanRefusal = (view, intent) => {
  if (intent.kind !== 'apply' || isFounded(view.desired.cluster.phase)) return [];
  return view.desired.members.flatMap(({ host }) => {
    const facts = view.facts.hosts.get(host);
    if (facts === undefined || facts.etcdData.is === 'unknown') {
      const because = facts?.etcdData.is === 'unknown' ? facts.etcdData.because : 'nobody asked';
      return [
        refusal(
          'safety.unknown-fact',
          `whether ${host} holds etcd data is not known (${because}); a cluster is founded only on machines known to be empty`,
          host,
        ),
      ];
    }
    const record = facts.record.is === 'known' && facts.record.value.is === 'record' ? facts.record.value.record : null;
    // Without a vault nothing is old: that the machine is somebody's has been refused already.
    if (record !== null && view.desired.cluster.uid === null) return [];
    if (record?.etcdClusterId !== undefined) {
      return [
        refusal(
          'safety.vault-old',
          `${host} records etcd cluster ${record.etcdClusterId}; this vault has never seen it founded`,
          host,
        ),
      ];
    }
    // What is on nodes besides etcd is the business of its own rule.
    const stacked = view.desired.config.spec.etcd.topology === 'stacked';
    return [...dataFindings(view, host, record !== null), ...(stacked ? [] : strangers(view, host))];
  });
};

function dataFindings(view: View, host: View['desired']['members'][number]['host'], recorded: boolean): Finding[] {
  const data = view.facts.hosts.get(host)?.etcdData;
  if (data?.is !== 'known') return [];
  const { dataDir } = view.desired.config.spec.etcd;
  if (data.value.is === 'foreign')
    return [
      refusal(
        'safety.foreign-data',
        `${dataDir} on ${host} holds what is not etcd’s: ${data.value.entries.slice(0, 3).join(', ')}`,
        host,
      ),
    ];
  if (data.value.is !== 'data' && data.value.is !== 'remains') return [];
  const files = view.facts.hosts.get(host)?.files;
  const config = files?.is === 'known' ? files.value.text.get(paths.kubeadmConfig) : undefined;
  const { token, phase } = view.desired.cluster;
  // A stacked member is founded by kubeadm, which has no token for etcd.
  const stacked = view.desired.config.spec.etcd.topology === 'stacked';
  if (phase === 'founding' && recorded && (stacked || (token !== null && config?.includes(token)))) return [];
  return [
    refusal(
      'safety.foreign-data',
      `${dataDir} on ${host} holds the data of an etcd that this vault does not know`,
      host,
    ),
  ];
}

/** Static pods or CA keys of somebody else's control plane. */
function strangers(view: View, host: View['desired']['members'][number]['host']): Finding[] {
  const files = view.facts.hosts.get(host)?.files;
  if (files?.is !== 'known') return [];
  const managed = new Set(files.value.at.keys());
  const strange = files.value.entries.filter(
    (e) =>
      e.type !== 'directory' &&
      !managed.has(e.path) &&
      (isManifest(e.path) || /\/(?:ca|sa|apiserver|front-proxy-ca)\.(?:key|crt|pub)$/.test(e.path)),
  );
  if (strange.length === 0) return [];
  return [
    refusal(
      'safety.foreign-control-plane',
      `${host} already has ${strange
        .slice(0, 3)
        .map((e) => e.path)
        .join(', ')}`,
      host,
    ),
  ];
}

/** The kubelet passes over files whose name begins with a dot; its package brings such a one. */
function isManifest(path: string): boolean {
  return path.startsWith(`${paths.manifestDirectory}/`) && !path.startsWith(`${paths.manifestDirectory}/.`);
}
