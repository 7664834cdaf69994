import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBundle } from './bundle/index.ts';
import type { Bundle } from './bundle/manifest.ts';
import { createLab, type Lab } from './lab.ts';
import type { Machine } from './machine.ts';
import { sshdAnswers } from './ssh.ts';
import { computerState } from './testing/computer-state.ts';

// A whole cluster by hand, with kubeadm alone: what other tests rely on when they make clusters on these machines.

/** What kubeadm has to be told here: cgroups of version 1, and kernel settings that belong to the whole computer. */
const initConfig = (version: string, address: string) => `apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: ${address}}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: ${version}
networking: {podSubnet: 10.244.0.0/16}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
failSwapOn: false
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
`;
const ignored = '--ignore-preflight-errors=SystemVerification';

/** One pod on each machine, which answers with its own name. */
const echo = (image: string) => `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: echo}
spec:
  selector: {matchLabels: {app: echo}}
  template:
    metadata: {labels: {app: echo}}
    spec:
      terminationGracePeriodSeconds: 0
      tolerations: [{operator: Exists, effect: NoSchedule}]
      containers:
      - name: echo
        image: ${image}
        command: [sh, -c, "mkdir /www && hostname >/www/index.html && exec httpd -f -p 8080 -h /www"]
        readinessProbe: {httpGet: {port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: echo}
spec:
  selector: {app: echo}
  ports: [{port: 80, targetPort: 8080}]
`;

const keepalived = (priority: number, address: string) => `vrrp_instance test {
  state BACKUP
  interface host0
  virtual_router_id 51
  priority ${priority}
  advert_int 1
  virtual_ipaddress {
    ${address}/24
  }
}
`;

describe('a Kubernetes cluster of lab machines', () => {
  const name = 'e2e-cluster';
  let lab: Lab;
  let bundle: Bundle;
  let controlPlane: Machine;
  let worker: Machine;
  let before: string[];
  beforeAll(async () => {
    const { dir, manifest } = await ensureBundle({ content: 'cluster' });
    bundle = manifest;
    before = await computerState(name);
    const machines = [{ name: 'control-plane' }, { name: 'worker' }];
    lab = await createLab({ name, machines, software: 'preinstalled', bundle: dir });
    controlPlane = lab.machine('control-plane');
    worker = lab.machine('worker');
  }, 3_600_000);
  afterAll(() => lab?.down());

  const kubectl = async (...args: string[]): Promise<string> =>
    (await controlPlane.exec(['kubectl', '--kubeconfig', '/etc/kubernetes/admin.conf', ...args])).stdout;
  const apply = (manifest: string) =>
    controlPlane.exec(['kubectl', '--kubeconfig', '/etc/kubernetes/admin.conf', 'apply', '-f', '-'], {
      stdin: manifest,
    });
  const image = (part: string): string => bundle.images.find((found) => found.name.includes(part))?.name ?? '';

  it('has every image that its kubeadm names', async () => {
    const list = ['kubeadm', 'config', 'images', 'list', '--kubernetes-version', bundle.kubernetesVersion] as const;
    const named = (await controlPlane.exec(list)).stdout.trim().split('\n');
    const present = (await worker.exec(['ctr', '-n', 'k8s.io', 'images', 'list', '-q'])).stdout.split('\n');
    expect(named).toHaveLength(7);
    expect(named.filter((wanted) => !present.includes(wanted))).toEqual([]);
  });

  it('has what nodes need beside the bundle, and starts none of it', async () => {
    const tools = [
      'conntrack',
      'ethtool',
      'haproxy',
      'ip',
      'ipset',
      'iptables',
      'keepalived',
      'modprobe',
      'nft',
      'socat',
    ];
    await worker.exec(['which', ...tools]);
    const active = await worker.exec(['systemctl', 'is-active', 'haproxy', 'keepalived'], { allowFailure: true });
    expect(active.stdout).toBe('inactive\ninactive\n');
  });

  it('kubeadm founds it, and a worker joins', async () => {
    for (const machine of [controlPlane, worker]) {
      await machine.exec(['sysctl', '-w', 'net.ipv4.ip_forward=1']);
      await machine.exec(['systemctl', 'enable', 'kubelet']);
    }
    const config = '/run/kubeadm.yaml';
    await controlPlane.writeFile(config, initConfig(bundle.kubernetesVersion, controlPlane.address), 0o600);
    await controlPlane.exec(['kubeadm', 'init', '--config', config, ignored], { timeoutMs: 120_000 });
    await apply(readFileSync(join(import.meta.dirname, 'testing/flannel.yaml'), 'utf8'));
    const joinCommand = (await controlPlane.exec(['kubeadm', 'token', 'create', '--print-join-command'])).stdout.trim();
    expect(joinCommand).toMatch(/^kubeadm join \S+:6443 --token /);
    await worker.exec(['kubeadm', ...joinCommand.split(' ').slice(1), ignored], { timeoutMs: 120_000 });
    await kubectl('wait', 'node', '--all', '--for=condition=Ready', '--timeout=60s');
    expect((await kubectl('get', 'nodes', '-o', 'name')).trim().split('\n')).toHaveLength(2);
    for (const [namespace, workload] of [
      ['kube-flannel', 'daemonset/flannel'],
      ['kube-system', 'daemonset/kube-proxy'],
      ['kube-system', 'deployment/coredns'],
    ] as const) {
      await kubectl('-n', namespace, 'rollout', 'status', workload, '--timeout=60s');
    }
  });

  it('a pod on each machine reaches both endpoints of a Service by its name, and the API server', async () => {
    await apply(echo(image('busybox')));
    await kubectl('rollout', 'status', 'daemonset/echo', '--timeout=60s');
    const pods = (await kubectl('get', 'pods', '-l', 'app=echo', '-o', 'jsonpath={.items[*].metadata.name}')).split(
      ' ',
    );
    expect(pods).toHaveLength(2);
    for (const pod of pods) {
      const inPod = (command: string) => kubectl('exec', pod, '--', 'sh', '-c', command);
      // Each is chosen for half of the connections: 24 without one of them is no accident.
      const answers = await inPod('for i in $(seq 24); do curl -sS -m 5 http://echo.default.svc.cluster.local; done');
      expect([...new Set(answers.trim().split('\n'))].sort()).toEqual([...pods].sort());
      expect(await inPod('curl -sSk -m 5 https://kubernetes.default/readyz')).toBe('ok');
    }
  });

  it('a virtual address answers, and moves when the power of its machine is cut', async () => {
    const virtual = lab.gateway.replace(/\.1$/, '.250');
    await controlPlane.writeFile('/etc/keepalived/keepalived.conf', keepalived(101, virtual));
    await worker.writeFile('/etc/keepalived/keepalived.conf', keepalived(100, virtual));
    const holds = async (machine: Machine): Promise<boolean> =>
      (await machine.exec(['ip', '-o', 'addr', 'show', 'dev', 'host0'])).stdout.includes(` ${virtual}/`);
    await controlPlane.exec(['systemctl', 'start', 'keepalived']);
    await expect.poll(() => holds(controlPlane), { timeout: 20_000 }).toBe(true);
    await worker.exec(['systemctl', 'start', 'keepalived']);
    expect(await sshdAnswers(virtual)).toBe(true);
    expect(await holds(worker)).toBe(false);
    await controlPlane.powerOff();
    await expect.poll(() => holds(worker), { timeout: 20_000 }).toBe(true);
    await expect.poll(() => sshdAnswers(virtual), { timeout: 5_000 }).toBe(true);
  });

  it('leaves nothing', async () => {
    await lab.down();
    expect(await computerState(name)).toEqual(before);
  });
});
