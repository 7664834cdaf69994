import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBundle } from './bundle/index.ts';
import type { Bundle } from './bundle/manifest.ts';
import { createLab, type Lab } from './lab.ts';
import type { Machine } from './machine.ts';
import { computerState } from './testing/computer-state.ts';

const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
address: 127.0.0.1
staticPodPath: /etc/kubernetes/manifests
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: systemd
failCgroupV1: false
failSwapOn: false
`;

const pod = (image: string) => `apiVersion: v1
kind: Pod
metadata: {name: witness, namespace: kube-system}
spec:
  hostNetwork: true
  containers:
  - {name: witness, image: "${image}", imagePullPolicy: Never}
`;

describe('preinstalled machines', () => {
  let lab: Lab;
  let bundle: Bundle;
  let before: string[];
  beforeAll(async () => {
    const { dir, manifest } = await ensureBundle();
    bundle = manifest;
    before = await computerState('e2e-software');
    const machines = [
      { name: 'plain' },
      { name: 'etcd-disk', disk: { sizeMiB: 64 } },
      { name: 'root-disk', disk: { sizeMiB: 256, holds: 'root' as const } },
    ];
    lab = await createLab({ name: 'e2e-software', machines, software: 'preinstalled', bundle: dir });
  });
  afterAll(() => lab.down());

  const machines = ['plain', 'etcd-disk', 'root-disk'];

  it.each(machines)('%s has the programs of the bundle, and containerd runs with its images', async (name) => {
    const machine = lab.machine(name);
    const version = await machine.exec(['kubeadm', 'version', '-o', 'short']);
    expect(version.stdout.trim()).toBe(bundle.kubernetesVersion);
    expect((await machine.exec(['systemctl', 'is-active', 'containerd'])).stdout.trim()).toBe('active');
    const images = (await machine.exec(['ctr', '-n', 'k8s.io', 'images', 'list', '-q'])).stdout.split('\n');
    expect(images).toEqual(expect.arrayContaining(bundle.images.map((image) => image.name)));
    const enabled = await machine.exec(['systemctl', 'is-enabled', 'kubelet'], { allowFailure: true });
    expect(enabled.stdout.trim()).toBe('disabled');
    expect(await machine.readFile('/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf')).toContain(
      'KUBELET_CONFIG_ARGS',
    );
  });

  const runningContainers = async (machine: Machine): Promise<number> =>
    (await machine.exec(['ctr', '-n', 'k8s.io', 'tasks', 'list'])).stdout
      .split('\n')
      .filter((line) => line.includes('RUNNING')).length;

  it.each(machines)('%s runs a static pod, again after a power cut', async (name) => {
    const machine = lab.machine(name);
    const pause = bundle.images.find((image) => image.name.includes('/pause:'))?.name ?? '';
    await machine.writeFile('/var/lib/kubelet/config.yaml', kubeletConfig);
    await machine.writeFile('/etc/kubernetes/manifests/witness.yaml', pod(pause));
    const dropIn = '[Service]\nExecStart=\nExecStart=/usr/local/bin/kubelet --config=/var/lib/kubelet/config.yaml\n';
    await machine.writeFile('/etc/systemd/system/kubelet.service.d/20-test.conf', dropIn);
    await machine.exec(['systemctl', 'enable', '--now', 'kubelet']);
    await expect.poll(() => runningContainers(machine), { timeout: 60_000, interval: 500 }).toBe(2);
    await machine.powerOff();
    await machine.boot();
    await expect.poll(() => runningContainers(machine), { timeout: 60_000, interval: 500 }).toBe(2);
    // Its kubelet would slow the machines that follow.
    await machine.powerOff();
  });

  it('leave nothing, also with pods running', async () => {
    await lab.machine('plain').boot();
    await expect.poll(() => runningContainers(lab.machine('plain')), { timeout: 60_000, interval: 500 }).toBe(2);
    await lab.down();
    expect(await computerState('e2e-software')).toEqual(before);
  });
});
