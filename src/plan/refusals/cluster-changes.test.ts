import { describe, expect, it } from 'vitest';
import { nodesView, stackedConfig } from '../../../test/checks/stacked.ts';
import { kubeadmClusterOf } from '../../desired/kubeadm-cluster.ts';
import type { KubeClusterFact } from '../../facts/types.ts';
import { hostId } from '../../model/ids.ts';
import { kubeadmInitConfig } from '../../render/kubeadm-cluster.ts';
import { clusterChanges } from './cluster-changes.ts';

const config = stackedConfig();

/** As kubeadm keeps it: the document that it was given. */
const kept = kubeadmInitConfig({
  node: { nodeName: 'cp-0', criSocket: '', labels: {}, kubeletExtraArgs: [], ignorePreflightErrors: [] },
  advertiseAddress: '10.77.0.20',
  bindPort: 6443,
  cluster: kubeadmClusterOf(config),
  cgroupDriver: 'systemd',
  kubelet: {},
  kubeProxy: {},
})
  .split('---\n')
  .find((text) => text.includes('kind: ClusterConfiguration'));

function told(kubeadmConfig: string | null | undefined): string[] {
  const cluster = { kubeadmConfig: kubeadmConfig ?? null } as KubeClusterFact;
  const view = nodesView(config, { kube: { servers: new Map([[hostId('cp-0'), {} as never]]), cluster } });
  return clusterChanges(view, { kind: 'apply' }).map(({ code, message }) => `${code}: ${message}`);
}

describe('what the whole cluster was told', () => {
  it('is what cluster.yaml says', () => {
    expect(kept).toContain('podSubnet: 10.244.0.0/16');
    expect(told(kept)).toEqual([]);
  });

  it.each([
    [
      'podSubnet: 10.244.0.0/16',
      'podSubnet: 10.245.0.0/16',
      'change.network: the network of pods of this cluster is 10.245.0.0/16; spec.network.podSubnet says 10.244.0.0/16',
    ],
    [
      'dnsDomain: cluster.local',
      'dnsDomain: k.example',
      'change.network: the DNS domain of this cluster is k.example; spec.network.dnsDomain says cluster.local',
    ],
    [
      'controlPlaneEndpoint: 10.77.0.100:8443',
      'controlPlaneEndpoint: 10.77.0.101:8443',
      'change.endpoint: the endpoint of this cluster is 10.77.0.101:8443; spec.controlPlane.endpoint says 10.77.0.100:8443',
    ],
  ])('may not differ: %s', (ours, theirs, says) => {
    expect(told(kept?.replace(ours, theirs))).toEqual([says]);
  });

  it.each([null, '', 'kind: [', 'kind: Other\nnetworking: { podSubnet: 10.1.0.0/16 }'])(
    'is not known from %j, and nothing is said of it',
    (text) => {
      expect(told(text)).toEqual([]);
    },
  );
});
