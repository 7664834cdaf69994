import { paths } from '../desired/paths.ts';
import { KeelsonError } from '../model/errors.ts';
import { type HostRecord, hostRecordText } from '../model/host-record.ts';
import type { HostId } from '../model/ids.ts';
import { factOf, fileChanges, needed } from './compare.ts';
import { wordParam } from './params.ts';
import { placeFiles } from './place-files.ts';
import { type Check, defineStep, type View } from './types.ts';

/**
 * `/etc/keelson/host.json`. `claim` comes before anything else is written to a machine; `founded` adds etcd's cluster id, after which a
 * machine without data can never be taken for an empty one.
 */
export const hostRecord = defineStep({
  kind: 'host-record',
  risk: 'safe',
  attempts: 2,
  settleMs: 0,
  parse: (params) => ({ state: wordParam(params, 'state', ['claim', 'founded']) }),
  title: ({ state }, on) =>
    state === 'claim' ? `record on ${on} whose machine it is` : `record on ${on} that its cluster is founded`,
  reads: (_params, on) => [
    { on, fact: 'machine' },
    { on, fact: 'record' },
    { on, fact: 'files' },
    // Whose machine it is: without the vault there is only a placeholder.
    'vault',
  ],
  judge: ({ state }, view, on): Check => {
    const fact = factOf(view, on, 'record');
    const wanted = recordFor(view, on);
    if (fact.is === 'record' && fact.record.clusterUid !== wanted.clusterUid && view.desired.cluster.uid !== null) {
      return {
        is: 'blocked',
        finding: {
          code: 'safety.foreign-host',
          severity: 'error',
          host: on,
          message: `${on} belongs to cluster ${fact.record.clusterName} (${fact.record.clusterUid})`,
          action: 'Take the machine out of cluster.yaml, or reset it from its own cluster first.',
        },
      };
    }
    if (state === 'founded' && view.desired.cluster.etcdClusterId === null) {
      return { is: 'needed', changes: [{ summary: `add etcd’s cluster id to ${paths.record}` }] };
    }
    // Before the founding the record has no cluster id: whether it gains one is the later step's business.
    if (state === 'claim' && fact.is === 'record' && fact.record.etcdClusterId === undefined)
      delete wanted.etcdClusterId;
    return needed(
      fileChanges(factOf(view, on, 'files'), { path: paths.record, content: hostRecordText(wanted), mode: '644' }),
    );
  },
  apply: async (_params, world, view, on) => {
    if (view.desired.cluster.uid === null)
      throw new KeelsonError('vault.absent', `whose machine ${on} is cannot be recorded without the vault`);
    await placeFiles(world, view, on, [
      { path: paths.record, content: hostRecordText(recordFor(view, on)), mode: '644' },
    ]);
  },
});

function recordFor(view: View, on: HostId): HostRecord {
  const machine = view.desired.machines.find((m) => m.id === on);
  if (machine === undefined) throw new Error(`${on} is not in the configuration`);
  const { etcdClusterId, ...rest } = machine.record;
  return {
    ...rest,
    machineId: factOf(view, on, 'machine').machineId,
    ...(etcdClusterId === undefined ? {} : { etcdClusterId }),
  };
}
