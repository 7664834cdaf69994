import type { Machine } from '../../lab/index.ts';
import { createTestCluster, type TestCluster, type TestClusterOptions } from './harness.ts';

/** cluster.yaml of control planes and workers on lab machines: by the beginning of their names, `cp` and `worker`. */
export function createNodes(options: TestClusterOptions): Promise<TestCluster> {
  return createTestCluster({
    source: 'bundle',
    content: 'cluster',
    ...options,
    config: async (file, lab) => {
      const { spec } = file;
      spec.etcd = { topology: 'stacked' };
      spec.kubeProxy = {
        conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
      };
      spec.kubeadm = { ignorePreflightErrors: ['SystemVerification'] };
      for (const host of spec.hosts) host.roles = [host.name.startsWith('cp') ? 'control-plane' : 'worker'];
      await options.config?.(file, lab);
    },
  });
}

/** kubectl on a control plane, with its administrator's kubeconfig. */
export async function kubectl(machine: Machine, ...args: readonly string[]): Promise<string> {
  const kubeconfig = '/etc/kubernetes/admin.conf';
  const { stdout } = await machine.exec(['kubectl', `--kubeconfig=${kubeconfig}`, ...args]);
  return stdout;
}
