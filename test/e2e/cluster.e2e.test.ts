import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestCluster } from './harness.ts';
import { ofAll, processesOf, treeDifferences, treeOf } from './machine-state.ts';
import { createNodes, kubectl } from './nodes.ts';

const IMAGE = 'keelson.dev/lab/busybox:1.35.0';

/** A web server on each node behind one Service, as a workload would be. */
const workload = `
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 0
      tolerations: [{ operator: Exists }]
      containers:
        - name: web
          image: ${IMAGE}
          command: ["sh", "-c", "hostname >/tmp/index.html; exec httpd -f -p 8080 -h /tmp"]
          readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  selector: { app: web }
  ports: [{ port: 80, targetPort: 8080 }]
`;

describe('bare machines', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await createNodes({
      name: 'e2e-nodes',
      machines: [{ name: 'cp-0' }, { name: 'worker-0' }],
      config: (file) => {
        file.spec.hosts[1].labels = { zone: 'a' };
      },
    });
    await cluster.install();
  }, 400_000);
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  const controlPlane = () => cluster.machine('cp-0');

  it('become a Kubernetes cluster, as its own API says', async () => {
    const columns = [
      '{.metadata.name}',
      '{.status.conditions[?(@.type=="Ready")].status}',
      '{.status.nodeInfo.kubeletVersion}',
      '{.status.addresses[?(@.type=="InternalIP")].address}',
      '{.spec.taints[*].key}',
      '{.metadata.labels.zone}',
    ].join('|');
    const told = await kubectl(
      controlPlane(),
      'get',
      'nodes',
      '-o',
      `jsonpath={range .items[*]}${columns}{"\\n"}{end}`,
    );
    const taint = 'node-role.kubernetes.io/control-plane';
    expect(told.trim().split('\n')).toEqual([
      `cp-0|True|v1.36.3|${controlPlane().address}|${taint}|`,
      `worker-0|True|v1.36.3|${cluster.machine('worker-0').address}||a`,
    ]);
  });

  it('have nothing left to do, and a second apply changes nothing on any machine', { timeout: 120_000 }, async () => {
    await cluster.keelsonEnds(0, ['plan', '--detailed-exitcode']);
    const machines = cluster.machines();
    const before = await ofAll(machines, (m) => treeOf(m));
    const processes = await ofAll(machines, processesOf);
    expect((await cluster.keelsonEnds(0, ['apply', '--yes'])).stdout).toMatch(/[Nn]othing to do/);
    const after = await ofAll(machines, (m) => treeOf(m));
    for (const { name } of machines) {
      const [old, now] = [before[name], after[name]];
      if (old === undefined || now === undefined) throw new Error(`no tree of ${name}`);
      expect(treeDifferences(old, now), name).toEqual([]);
    }
    expect(await ofAll(machines, processesOf)).toEqual(processes);
  });

  it('found no second etcd: kubeadm is told so, and the member lists only itself as existing', async () => {
    const config = await kubectl(controlPlane(), '-n', 'kube-system', 'get', 'cm', 'kubeadm-config', '-o', 'yaml');
    expect(config).toMatch(/name: initial-cluster-state\s+value: existing/);
    const { stdout } = await controlPlane().exec(['cat', '/etc/kubernetes/manifests/etcd.yaml']);
    expect(stdout).toContain('--initial-cluster-state=existing');
    expect(stdout).toContain(`--initial-cluster=cp-0=https://${controlPlane().address}:2380`);
  });

  it('keep keys where they belong', { timeout: 150_000 }, async () => {
    const keys = async (name: string) =>
      (await cluster.machine(name).exec(['sh', '-c', 'find /etc/kubernetes -name "*.key" | sort'])).stdout;
    expect(await keys('worker-0')).toBe('');
    expect(await keys('cp-0')).toContain('/etc/kubernetes/pki/ca.key');
    const { stdout } = await controlPlane().exec(['sh', '-c', 'find /run/keelson /tmp -type f 2>/dev/null; true']);
    expect(stdout).not.toMatch(/kubeadm\//);
    // kubeadm's own token, which nobody knows, lives for a minute; the server looks for expired ones now and then.
    await expect
      .poll(() => kubectl(controlPlane(), '-n', 'kube-system', 'get', 'secrets', '-o', 'name'), { timeout: 120_000 })
      .not.toMatch(/bootstrap-token|kubeadm-certs/);
  });

  it('carry a workload: pods on different machines, a Service with two endpoints, DNS', {
    timeout: 120_000,
  }, async () => {
    const machine = controlPlane();
    await machine.writeFile('/root/workload.yaml', workload);
    await kubectl(machine, 'apply', '-f', '/root/workload.yaml');
    await kubectl(machine, 'rollout', 'status', 'daemonset/web', '--timeout=90s');
    const pods = (await kubectl(machine, 'get', 'pods', '-l', 'app=web', '-o', 'name')).trim().split('\n');
    expect(pods).toHaveLength(2);
    // Once kube-proxy and DNS know the Service, each answer counts.
    const url = 'http://web.default.svc.cluster.local/';
    const known = `n=0; until curl -sf --max-time 5 ${url} >/dev/null || [ $n -ge 100 ]; do n=$((n+1)); sleep 0.3; done`;
    const asked = `${known}; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do curl -sf --max-time 5 ${url} || echo failed; done`;
    for (const pod of pods) {
      const answers = await kubectl(machine, 'exec', pod, '--', 'sh', '-c', asked);
      expect(new Set(answers.trim().split('\n')).size, answers).toBe(2);
      expect(answers).not.toContain('failed');
    }
    await kubectl(machine, 'delete', '-f', '/root/workload.yaml');
  });

  it('a damaged manifest is found and put back', { timeout: 180_000 }, async () => {
    await controlPlane().exec([
      'sed',
      '-i',
      's/initial-cluster-state=existing/initial-cluster-state=new/',
      '/etc/kubernetes/manifests/etcd.yaml',
    ]);
    const plan = await cluster.keelsonEnds(2, ['plan', '--detailed-exitcode']);
    expect(plan.stdout).toContain('/etc/kubernetes/manifests/etcd.yaml');
    await cluster.keelsonEnds(0, ['apply', '--yes']);
    const { stdout } = await controlPlane().exec(['cat', '/etc/kubernetes/manifests/etcd.yaml']);
    expect(stdout).toContain('--initial-cluster-state=existing');
    await cluster.keelsonEnds(0, ['plan', '--detailed-exitcode']);
  });

  it('a wiped etcd starts no empty cluster, and apply refuses to make one', { timeout: 180_000 }, async () => {
    const machine = controlPlane();
    await machine.exec(['sh', '-c', 'rm -rf /var/lib/etcd/member']);
    await machine.reboot();
    const refused = await cluster.keelson(['apply', '--yes']);
    expect(refused.exitCode).toBe(5);
    expect(refused.stderr + refused.stdout).toMatch(/safety\.(all-)?data-gone/);
    // Nobody answers from an empty etcd.
    const asked = await machine.exec([
      'sh',
      '-c',
      'kubectl --kubeconfig=/etc/kubernetes/admin.conf --request-timeout=5s get nodes 2>&1; true',
    ]);
    expect(asked.stdout).not.toMatch(/No resources found|worker-0/);
  });
});
