import type { KubeVip } from '../desired/load-balancer.ts';
import { paths } from '../desired/paths.ts';
import { KeelsonError } from '../model/errors.ts';
import type { FileSpec } from '../model/file.ts';
import { makeDirectory } from '../ports/commands/files.ts';
import { kubeVipPod } from '../render/kube-vip.ts';
import { type Nic, nicOf } from './balancer-nic.ts';
import { factOf, fileChanges, needed } from './compare.ts';
import { clusterOf } from './kubeadm-join.ts';
import { must } from './must.ts';
import { wordParam } from './params.ts';
import { placeFiles } from './place-files.ts';
import { defineStep, type View } from './types.ts';

type Kubeconfig = 'admin' | 'super-admin';

/**
 * kube-vip's static pod. Where the cluster begins it needs `super-admin.conf` while `kubeadm init` runs: admin.conf has no rights before the
 * API server is there to give them. From then on, and on all other control planes once they have joined, it is `admin.conf`.
 * Source: "Creating Highly Available Clusters with kubeadm"; kube-vip's notes on Kubernetes 1.29.
 */
export const kubeVip = defineStep({
  kind: 'kube-vip',
  risk: 'safe',
  attempts: 2,
  settleMs: 0,
  parse: (params) => ({ config: wordParam(params, 'config', ['admin', 'super-admin']) }),
  title: ({ config }, on) => `let kube-vip carry the endpoint on ${on}, with ${config}.conf`,
  reads: (_params, on) => [{ on, fact: 'files' }, { on, fact: 'balancer' }, 'kube'],
  judge: ({ config }, view, on) => {
    if (config === 'super-admin' && clusterOf(view)?.lacking.length === 0) return { is: 'satisfied' };
    const nic = nicOf(view, on, balancerOf(view));
    if ('code' in nic) return { is: 'blocked', finding: nic };
    return needed(fileChanges(factOf(view, on, 'files'), manifest(view, nic, config)));
  },
  apply: async ({ config }, world, view, on) => {
    const nic = nicOf(view, on, balancerOf(view));
    if ('code' in nic) throw new KeelsonError(nic.code, nic.message, { host: on });
    await must(world, makeDirectory(paths.manifestDirectory, '700'));
    await placeFiles(world, view, on, [manifest(view, nic, config)]);
  },
});

function manifest(view: View, nic: Nic, config: Kubeconfig): FileSpec {
  const { image, virtualIp, port } = balancerOf(view);
  const content = kubeVipPod({ image, virtualIp, port, interface: nic.interface, kubeconfig: `${config}.conf` });
  return { path: paths.kubeVipManifest, mode: '600', content };
}

function balancerOf({ desired }: View): KubeVip {
  if (desired.loadBalancer?.kind !== 'kube-vip') throw new Error('no kube-vip in the configuration');
  return desired.loadBalancer;
}
