import { describe, expect, it } from 'vitest';
import { configOf } from '../../test/checks/config.ts';
import { leftByInit, leftByJoin } from './left-by-kubeadm.ts';

function config(spec: string) {
  return configOf(`apiVersion: keelson.dev/v1alpha1
kind: Cluster
metadata: { name: lab }
spec:
  kubernetesVersion: v1.36.3
  software: { source: preinstalled }
  hosts: [{ name: cp-0, address: 10.77.0.20, roles: [control-plane] }]
${spec}
`);
}

describe('what a kubeadm that was cut off has left', () => {
  it('is named as kubeadm names it', () => {
    const names = leftByInit(config('  etcd: { topology: stacked }'));
    expect(names).toEqual(
      expect.arrayContaining([
        'FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml',
        'Port-6443',
        'Port-2379',
        'DirAvailable--var-lib-etcd',
      ]),
    );
    expect(leftByJoin).toContain('FileAvailable--etc-kubernetes-pki-ca.crt');
  });

  it('is where the configuration has it', () => {
    const names = leftByInit(
      config('  etcd: { topology: stacked, dataDir: /data/etcd }\n  controlPlane: { apiServerPort: 7443 }'),
    );
    expect(names).toEqual(expect.arrayContaining(['Port-7443', 'DirAvailable--data-etcd']));
    expect(names).not.toContain('Port-6443');
  });
});
