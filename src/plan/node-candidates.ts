import { type HostId, OPERATOR } from '../model/ids.ts';
import { isFounded } from '../ports/vault.ts';
import { isMade } from '../steps/kubeadm-init.ts';
import { clusterOf } from '../steps/kubeadm-join.ts';
import type { View } from '../steps/types.ts';
import { type Add, softwareCandidates } from './candidates.ts';
import { endpointCandidates, kubeVipCandidates, loadBalancerCandidates } from './load-balancer-candidates.ts';

/**
 * Control planes and workers, in the order of the page "Creating Highly Available Clusters with kubeadm": keys, the first control plane, the
 * pod network, the others. `etcd` are keys of the last steps of an external etcd. Gives the keys of the last ones.
 */
export function nodeCandidates(view: View, identity: string, etcd: readonly string[], add: Add): readonly string[] {
  const { nodes, cluster, config } = view.desired;
  const keys = add(
    'cluster-keys',
    OPERATOR,
    [identity],
    'every repetition of kubeadm init then makes the same cluster',
  );
  const prepared = new Map<HostId, Prepared>();
  for (const { host } of nodes) prepared.set(host, prepare(view, host, identity, add));

  const controlPlanes = nodes.filter((node) => node.role === 'control-plane');
  const [first] = controlPlanes;
  if (first === undefined) return etcd;
  const stacked = config.spec.etcd.topology === 'stacked';
  // With an external etcd always: through the Secret all control planes would come to share one client key for etcd.
  const manual = config.spec.controlPlane?.certificates === 'manual' || !stacked;
  const founding = stacked && !isFounded(cluster.phase);
  const place = (on: HostId): readonly string[] => {
    const before = [keys, ...ready(prepared, on)];
    const shared = add('control-plane-keys', on, before, 'kubeadm takes what it finds');
    if (stacked) return [shared];
    return [shared, add('etcd-client-certificate', on, before, 'the API server is etcd’s client')];
  };
  const placed = place(first.host);
  const begin = (on: HostId): readonly string[] => {
    const node = prepared.get(on);
    const claim = node?.claim ?? claimOf(on, identity, add);
    // Two package managers do not run at a time.
    return view.desired.software.source === 'packages' && node !== undefined ? node.software : [claim];
  };
  const open = loadBalancerCandidates(view, first.host, begin, keys, add);
  const begins = founding
    ? [add('founding-begins', OPERATOR, placed, 'no machine holds data: a cluster may be founded')]
    : [];
  const found = founding ? foundFirst(view, first.host, [...placed, ...begins], add) : begins;
  const init = add('kubeadm-init', first.host, [...placed, ...found, ...open, ...etcd], 'the cluster begins here');
  if (isMade(view) && clusterOf(view) === null) {
    const mended = stacked ? hardenEtcd(view, [init], add) : [init];
    return [add('api-servers-back', OPERATOR, mended, 'what the cluster holds cannot be looked at before')];
  }
  const safe = stacked
    ? [add('kubeadm-config-existing', OPERATOR, [init], 'a wiped control plane would found a cluster of its own')]
    : [];
  const network = add('pod-network', OPERATOR, [init, ...safe], 'nodes are Ready only with it');
  const answers = endpointCandidates(view, first.host, [init, ...safe], add);
  // One after the other: each adds a member to etcd.
  let joined: readonly string[] = [network, ...answers];
  const carried: string[] = [];
  for (const { host } of controlPlanes.slice(1)) {
    const before = manual ? place(host) : ready(prepared, host);
    joined = [add('control-plane-join', host, [...joined, ...before], 'the cluster outlives a machine')];
    carried.push(...kubeVipCandidates(view, [host], joined, add));
  }
  // Before the workers: a single member is away for seconds while its manifest is exchanged, and with it the API.
  const hardened = stacked ? hardenEtcd(view, joined, add) : [];
  const joins = new Map<HostId, string>();
  for (const { host, role } of nodes) {
    if (role === 'worker')
      joins.set(host, add('worker-join', host, [...joined, ...hardened, ...ready(prepared, host)], 'pods run there'));
  }
  const settings = nodes.map(({ host }) => {
    const join = joins.get(host);
    return add(
      'node-settings',
      host,
      join === undefined ? [...joined, ...hardened] : [join],
      'pods are placed by them',
    );
  });
  const allReady = add('nodes-ready', OPERATOR, [...settings, ...carried], 'the cluster may be used from here on');
  // What somebody else is to make is not waited for.
  const seen =
    config.spec.network.cni.kind === 'none'
      ? [allReady]
      : nodes.map(({ host }) => add('node-network', host, [allReady], 'a node can be Ready without reaching anything'));
  const away = add('super-admin-removed', first.host, [allReady], 'nothing needs it any more');
  if (!stacked || cluster.phase === 'handed-over') return [...seen, away];
  return [add('etcd-handover', OPERATOR, seen, 'from here on an empty data directory is a loss'), away];
}

/**
 * The first member is founded outside of the kubelet, as those of an external etcd are: no machine ever has a manifest with state `new`, and
 * none has to be exchanged under the only API server, which takes the kubelet the better part of a minute.
 */
function foundFirst(view: View, on: HostId, after: readonly string[], add: Add): readonly string[] {
  const node = view.facts.hosts.get(on)?.node;
  const runs = node?.is === 'known' && node.value?.manifests.has('etcd') === true;
  if (runs) return after;
  const certificates = add(
    'etcd-certificates',
    on,
    after,
    'etcd is founded with the certificates that kubeadm will find',
  );
  return [add('etcd-member-found', on, [certificates], 'no machine ever has a manifest that founds a cluster')];
}

/** Every stacked member's manifest is made again, one after the other, so that none can found a cluster when its data is gone. */
function hardenEtcd(view: View, after: readonly string[], add: Add): readonly string[] {
  const { members, cluster } = view.desired;
  const founded = isFounded(cluster.phase)
    ? after
    : [add('etcd-founded', OPERATOR, after, 'all members have to vote before any is hardened')];
  let previous = founded;
  for (const { host } of members) {
    const why = 'a wiped machine is then never taken for an empty one';
    const record = add('host-record', host, previous, why, { state: 'founded' }, '-founded');
    previous = [add('etcd-member-run', host, [record], 'a member that lost its data can then not start')];
  }
  return previous;
}

/** Keys of the steps that begin with a machine. */
interface Prepared {
  claim: string;
  software: readonly string[];
  /** Of the last ones: kubeadm may run. */
  ready: readonly string[];
}

function ready(prepared: ReadonlyMap<HostId, Prepared>, on: HostId): readonly string[] {
  return prepared.get(on)?.ready ?? [];
}

function claimOf(on: HostId, identity: string, add: Add): string {
  return add('host-record', on, [identity], 'written before anything else', { state: 'claim' }, '-claim');
}

function prepare(view: View, on: HostId, identity: string, add: Add): Prepared {
  const claim = claimOf(on, identity, add);
  const software = softwareCandidates(view, on, [claim], add);
  const system = add('node-system', on, [claim], 'kubeadm refuses a machine that forwards nothing');
  return {
    claim,
    software,
    ready: [add('node-kubelet', on, [...software, system], 'kubeadm configures and starts it')],
  };
}
