import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { expectGolden } from '../../test/golden.ts';
import { type KubeVipPod, kubeVipPod } from './kube-vip.ts';

const pod: KubeVipPod = {
  image: 'ghcr.io/kube-vip/kube-vip:v1.0.3',
  interface: 'eth0',
  virtualIp: '10.77.0.100',
  port: 6443,
  kubeconfig: 'admin.conf',
};

describe('rendered files', () => {
  it.each([
    ['kube-vip.yaml', kubeVipPod(pod)],
    ['kube-vip-init-ipv6.yaml', kubeVipPod({ ...pod, virtualIp: 'fd00:77::100', kubeconfig: 'super-admin.conf' })],
  ])('%s', (name, text) => expectGolden(import.meta.dirname, name, text));
});

// As kube-vip's documentation prints it for 0.9, where our own values are not meant.
it('says all that the documented manifest says for the control plane, all of it as text', () => {
  const { env } = parse(kubeVipPod(pod)).spec.containers[0] as { env: { name: string; value?: unknown }[] };
  const documented = {
    vip_arp: 'true',
    port: '6443',
    vip_interface: 'eth0',
    vip_subnet: '32',
    dns_mode: 'first',
    cp_enable: 'true',
    cp_namespace: 'kube-system',
    vip_leaderelection: 'true',
    vip_leasename: 'plndr-cp-lock',
    vip_leaseduration: '5',
    vip_renewdeadline: '3',
    vip_retryperiod: '1',
    address: '10.77.0.100',
    prometheus_server: ':2112',
  };
  const values = env.filter((one) => one.name !== 'vip_nodename').map((one) => [one.name, one.value]);
  expect(Object.fromEntries(values)).toEqual(documented);
  expect(env.find((one) => one.name === 'vip_nodename')).toEqual({
    name: 'vip_nodename',
    valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } },
  });
});

it('reads the file of the machine that it is told, always under the same name, and never makes a folder of it', () => {
  for (const kubeconfig of ['admin.conf', 'super-admin.conf'] as const) {
    const { spec } = parse(kubeVipPod({ ...pod, kubeconfig }));
    expect(spec.volumes).toEqual([
      { name: 'kubeconfig', hostPath: { path: `/etc/kubernetes/${kubeconfig}`, type: 'File' } },
    ]);
    expect(spec.containers[0].volumeMounts).toEqual([{ name: 'kubeconfig', mountPath: '/etc/kubernetes/admin.conf' }]);
  }
});

it('announces one address alone, of either family', () => {
  const subnet = (virtualIp: string) => /vip_subnet\n +value: "(\d+)"/.exec(kubeVipPod({ ...pod, virtualIp }))?.[1];
  expect([subnet('10.77.0.100'), subnet('fd00:77::100')]).toEqual(['32', '128']);
});
