import { serviceAddresses } from '../desired/service-addresses.ts';
import { KeelsonError } from '../model/errors.ts';
import { reachProblem, serviceReach } from '../ports/commands/service-reach.ts';
import { needed } from './compare.ts';
import { nodeOf } from './kubeadm-init.ts';
import { clusterOf } from './kubeadm-join.ts';
import { noParams } from './params.ts';
import { defineStep } from './types.ts';

/** On a node: the uid under which its network was seen working. A node that is made anew has another one. */
const SEEN = 'keelson.dev/network-seen';
const LIMIT_MS = 120_000;
const PAUSE_MS = 1_000;

/**
 * Sees that a node reaches the cluster's Services and DNS through its own kube-proxy and the pod network, once for each node: a machine whose
 * rules cannot be written is Ready all the same.
 */
export const nodeNetwork = defineStep({
  kind: 'node-network',
  risk: 'safe',
  attempts: 1,
  settleMs: 5_000,
  parse: noParams,
  title: (_params, on) => `reach Services and DNS from ${on}`,
  reads: () => ['kube'],
  judge: (_params, view, on) => {
    const node = clusterOf(view)?.nodes.get(nodeOf(view, on).name);
    const seen = node !== undefined && node.annotations[SEEN] === node.uid;
    return needed(seen ? [] : [{ summary: 'ask the cluster’s DNS for kubernetes.default, through a Service' }]);
  },
  apply: async (_params, world, view, on) => {
    const { config } = view.desired;
    const { api, dns } = serviceAddresses(config);
    const question = serviceReach(api, dns, `kubernetes.default.svc.${config.spec.network.dnsDomain}`);
    const end = world.clock.monotonicMs() + LIMIT_MS;
    let told = '';
    for (;;) {
      const [result] = await world.host.runAll([question], world.signal);
      const problem = reachProblem(result?.stdout ?? '');
      if (problem === null) break;
      if (world.clock.monotonicMs() >= end)
        throw new KeelsonError('node.network', `${on} does not reach the cluster’s Services: ${problem}`, { host: on });
      if (problem !== told) world.note(problem);
      told = problem;
      await world.clock.sleep(PAUSE_MS, world.signal);
    }
    const cluster = clusterOf(view);
    const node = cluster?.nodes.get(nodeOf(view, on).name);
    if (cluster === null || node === undefined)
      throw new KeelsonError('kube.unreachable', `the node ${on} cannot be asked for`, { host: on });
    const ref = { apiVersion: 'v1', kind: 'Node', name: nodeOf(view, on).name };
    const call = { on: cluster.through, signal: world.signal };
    const patched = await world.kube.mergePatch(call, ref, { metadata: { annotations: { [SEEN]: node.uid } } });
    if (patched.is === 'ok') return;
    throw new KeelsonError('kube.refused', `the API server does not change the node ${on}`, { host: on });
  },
});
