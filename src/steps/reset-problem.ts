import type { RecordFact } from '../facts/types.ts';
import type { ErrorCode } from '../model/codes.ts';
import { errorCodes } from '../model/codes.ts';
import type { Finding } from '../model/finding.ts';
import type { HostId } from '../model/ids.ts';
import { isFounded } from '../ports/vault.ts';
import { factOf } from './compare.ts';
import { trustsAnother, wasNode } from './node-remains.ts';
import { configuredDataDir } from './remains.ts';
import type { View } from './types.ts';

/** `cluster`: the machine goes with all others. `host`: it alone, because it is no longer a member. */
export type ResetScope = 'cluster' | 'host';

/** Why a machine is not reset; null when it may be. */
export function resetProblem(view: View, on: HostId, scope: ResetScope): Finding | null {
  const record = factOf(view, on, 'record');
  if (record.is === 'absent') return scope === 'host' ? listedProblem(view, on) : null;
  return (
    whoseProblem(view, on, record) ??
    otherClusterProblem(view, on) ??
    (scope === 'host' ? (memberProblem(view, on) ?? nodeProblem(view, on)) : null) ??
    dataDirProblem(view, on)
  );
}

/** The cluster that the vault is of; a sealed vault tells by its inventory. */
function clusterUid(view: View): string | null {
  const { vault } = view.facts;
  if (view.desired.cluster.uid !== null || vault.is === 'unknown' || vault.value.is !== 'sealed')
    return view.desired.cluster.uid;
  return vault.value.inventory?.clusterUid ?? null;
}

function whoseProblem(view: View, on: HostId, fact: RecordFact): Finding | null {
  if (fact.is === 'absent') return null;
  if (fact.is === 'unreadable')
    return blocked('safety.foreign-host', on, `${on} carries a host record that cannot be read: ${fact.why}`);
  const { record } = fact;
  const whose = `${on} belongs to cluster ${record.clusterName} (${record.clusterUid})`;
  const uid = clusterUid(view);
  if (uid === null) {
    const { vault } = view.facts;
    if (vault.is === 'known' && vault.value.is === 'sealed')
      return blocked(vault.value.code, on, `whether ${on} is of this cluster is not known: ${vault.value.because}`);
    return blocked('safety.vault-lost', on, `${whose}, and there is no vault here that knows it`);
  }
  if (record.clusterUid !== uid)
    return blocked('safety.foreign-host', on, `${whose}, not to ${view.desired.cluster.name} (${uid})`);
  if (record.host !== on) return blocked('safety.machine-id', on, `${on} is recorded as ${record.host}`);
  const { machineId } = factOf(view, on, 'machine');
  if (record.machineId !== machineId)
    return blocked('safety.machine-id', on, `${on} was machine ${record.machineId} and is now ${machineId}`);
  return null;
}

function listedProblem({ desired }: View, on: HostId): Finding | null {
  if (!desired.machines.some((m) => m.id === on)) return null;
  return blocked('reset.current-member', on, `${on} is a member of ${desired.cluster.name}: cluster.yaml lists it`);
}

/** Whether the configuration, or etcd itself, still counts the machine as a member. */
function memberProblem(view: View, on: HostId): Finding | null {
  const { desired, facts } = view;
  const listed = listedProblem(view, on);
  if (listed !== null) return listed;
  if (facts.etcd.is === 'unknown')
    return blocked(
      'safety.unknown-fact',
      on,
      `whether etcd counts ${on} as a member is not known: ${facts.etcd.because}`,
    );
  const lists = [...facts.etcd.value.endpoints].flatMap(([host, { members }]) =>
    members.is === 'ok' ? [{ host, members: members.value.members }] : [],
  );
  for (const { host, members } of lists) {
    if (members.some((m) => m.name === on))
      return blocked(
        'reset.current-member',
        on,
        `${on} is still a member of ${desired.cluster.name}: etcd on ${host} lists it`,
      );
  }
  if (lists.length > 0 || !isFounded(desired.cluster.phase)) return null;
  return blocked('safety.unknown-fact', on, `whether etcd counts ${on} as a member is not known: no member answers`);
}

/** It was ours when keelson prepared it, and somebody has made it a node of another cluster since. */
function otherClusterProblem(view: View, on: HostId): Finding | null {
  if (!trustsAnother(view, on)) return null;
  return blocked('safety.foreign-host', on, `${on} trusts the Kubernetes CA of another cluster, not that of the vault`);
}

/** A node that goes by itself must be none for the cluster any more: its pods have moved, and nothing waits for them. */
function nodeProblem(view: View, on: HostId): Finding | null {
  if (!wasNode(view, on)) return null;
  const { kube } = view.facts;
  const cluster = kube.is === 'known' ? kube.value.cluster : null;
  if (cluster === null)
    return blocked(
      'safety.unknown-fact',
      on,
      `whether ${on} is a node is not known: ${kube.is === 'unknown' ? kube.because : 'no API server of the cluster is ready'}`,
    );
  if (!cluster.nodes.has(on)) return null;
  return {
    ...blocked(
      'reset.current-member',
      on,
      `${on} is still a node of ${view.desired.cluster.name}: its API server lists it`,
    ),
    action: `Move its pods away and take it out first: kubectl drain ${on} --ignore-daemonsets, then kubectl delete node ${on}.`,
  };
}

/** Another folder than the one that etcd was given would be emptied. */
function dataDirProblem(view: View, on: HostId): Finding | null {
  const wanted = view.desired.config.spec.etcd.dataDir;
  const used = configuredDataDir(view, on);
  if (used === null || used === wanted) return null;
  return blocked('change.data-dir', on, `etcd’s data on ${on} is in ${used}; cluster.yaml says ${wanted}`);
}

function blocked(code: ErrorCode, host: HostId, message: string): Finding {
  return { code, severity: 'error', host, message, action: errorCodes[code].action };
}
