import { type HostId, OPERATOR } from '../model/ids.ts';
import type { View } from '../steps/types.ts';
import { type Add, softwareCandidates } from './candidates.ts';

/**
 * Control planes and workers, in the order of the page "Creating Highly Available Clusters with kubeadm": keys, the first control plane, the
 * pod network, the others. `etcd` are keys of the last steps of an external etcd. Gives the keys of the last ones.
 */
export function nodeCandidates(view: View, identity: string, etcd: readonly string[], add: Add): readonly string[] {
  const { nodes, cluster } = view.desired;
  const keys = add(
    'cluster-keys',
    OPERATOR,
    [identity],
    'every repetition of kubeadm init then makes the same cluster',
  );
  const prepared = new Map<HostId, readonly string[]>();
  for (const { host } of nodes) prepared.set(host, prepare(view, host, identity, add));

  const [first] = nodes.filter((node) => node.role === 'control-plane');
  if (first === undefined) return etcd;
  const placed = add(
    'control-plane-keys',
    first.host,
    [keys, ...ready(prepared, first.host)],
    'kubeadm takes what it finds',
  );
  const begins =
    cluster.phase === 'new' && etcd.length === 0
      ? [add('founding-begins', OPERATOR, [placed], 'no machine holds data: a cluster may be founded')]
      : [];
  const init = add('kubeadm-init', first.host, [placed, ...begins, ...etcd], 'the cluster begins here');
  const network = add('pod-network', OPERATOR, [init], 'nodes are Ready only with it');
  const joined = nodes
    .filter((node) => node.role === 'worker')
    .map(({ host }) => add('worker-join', host, [network, ...ready(prepared, host)], 'pods run there'));
  return [add('nodes-ready', OPERATOR, [network, ...joined], 'the cluster may be used from here on')];
}

function ready(prepared: ReadonlyMap<HostId, readonly string[]>, on: HostId): readonly string[] {
  return prepared.get(on) ?? [];
}

function prepare(view: View, on: HostId, identity: string, add: Add): readonly string[] {
  const claim = add('host-record', on, [identity], 'written before anything else', { state: 'claim' }, '-claim');
  const software = softwareCandidates(view, on, [claim], add);
  const system = add('node-system', on, [claim], 'kubeadm refuses a machine that forwards nothing');
  return [add('node-kubelet', on, [...software, system], 'kubeadm configures and starts it')];
}
