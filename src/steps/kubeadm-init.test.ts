import { describe, expect, it } from 'vitest';
import { controlPlaneNode, kubeFacts, runningCluster } from '../../test/checks/nodes.ts';
import { scene } from '../../test/checks/scene.ts';
import { hostId } from '../model/ids.ts';
import { kubeadmInit } from './kubeadm-init.ts';

const silent = { is: 'failed', code: 'kube.not-listening', message: 'nothing listens' } as const;

describe('kubeadm init of a cluster that is made, while no API server tells', () => {
  const verdict = (manifests: readonly string[]) => {
    const node = { ...controlPlaneNode, manifests: new Set(manifests) };
    const kube = kubeFacts({ servers: { 'cp-0': silent, 'cp-1': silent, 'cp-2': silent } });
    const { view } = scene(runningCluster({ kube, facts: { 'cp-0': { node } } }));
    const check = kubeadmInit.bind({}, hostId('cp-0')).judge(view);
    return check.is === 'blocked' ? check.finding.code : check.is;
  };
  it('is not done again, also where the API server’s manifest alone is missing', () => {
    expect(verdict(['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'])).toBe('satisfied');
    expect(verdict(['etcd', 'kube-controller-manager', 'kube-scheduler'])).toBe('satisfied');
  });
  it('is refused on a machine that holds nothing of the cluster', () => {
    expect(verdict([])).toBe('safety.data-gone');
  });
});
