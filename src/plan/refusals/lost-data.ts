import { isFounded } from '../../ports/vault.ts';
import { dataDirChanged } from '../data-dir.ts';
import { refusal } from '../finding.ts';
import type { PlanRefusal } from './types.ts';

/** A founded cluster's member without data is never started, and never founded again. */
export const lostData: PlanRefusal = (view, intent) => {
  if (intent.kind !== 'apply' || !isFounded(view.desired.cluster.phase)) return [];
  // That the directory was changed is told by another refusal; the data is where it was.
  if (dataDirChanged(view)) return [];
  const gone = view.desired.members.filter(({ host }) => {
    const data = view.facts.hosts.get(host)?.etcdData;
    return data?.is === 'known' && data.value.is !== 'data';
  });
  const { dataDir } = view.desired.config.spec.etcd;
  if (gone.length > 0 && gone.length === view.desired.members.length) {
    return [
      refusal(
        'safety.all-data-gone',
        `no machine of ${view.desired.cluster.name} has data in ${dataDir} any more: only a snapshot can bring it back`,
      ),
    ];
  }
  return gone.map(({ host }) =>
    refusal(
      'safety.data-gone',
      `${host} has lost etcd’s data in ${dataDir}: its member has to be replaced, it is not started again`,
      host,
    ),
  );
};
