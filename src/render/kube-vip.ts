import { stringify } from 'yaml';
import { addressFamily } from '../config/address.ts';

export interface KubeVipPod {
  image: string;
  interface: string;
  virtualIp: string;
  /** Of the API servers, and so of the endpoint: kube-vip moves an address and knows no other port. */
  port: number;
  /**
   * kubeadm's kubeconfig on the machine. Where the cluster is being made it must be `super-admin.conf` while `kubeadm init` runs, because
   * admin.conf's rights come only after the API server; then, and on all other machines, `admin.conf`.
   */
  kubeconfig: 'admin.conf' | 'super-admin.conf';
}

/**
 * kube-vip's static pod for the control plane's address alone, by ARP and one lease.
 *
 * Source: what `kube-vip manifest pod --interface --address --controlplane --arp --leaderElection` of 0.9 and newer writes. Older ones read the
 * prefix from `vip_cidr`, and without it take what is said here. One thing differs: the kubeconfig's mount has a type. Without one the
 * runtime makes a folder of that name where the file is not there yet, which kubeadm then finds in its way.
 */
export function kubeVipPod(pod: KubeVipPod): string {
  const manifest = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'kube-vip', namespace: 'kube-system' },
    spec: {
      containers: [
        {
          name: 'kube-vip',
          image: pod.image,
          imagePullPolicy: 'IfNotPresent',
          args: ['manager'],
          env: environment(pod),
          securityContext: { capabilities: { add: ['NET_ADMIN', 'NET_RAW'], drop: ['ALL'] } },
          // The name inside is always the same: kube-vip looks for it there.
          volumeMounts: [{ name: 'kubeconfig', mountPath: '/etc/kubernetes/admin.conf' }],
        },
      ],
      // The server in the kubeconfig is the very address that kube-vip is to bring up; it asks its own machine's API server instead.
      hostAliases: [{ ip: '127.0.0.1', hostnames: ['kubernetes'] }],
      hostNetwork: true,
      volumes: [{ name: 'kubeconfig', hostPath: { path: `/etc/kubernetes/${pod.kubeconfig}`, type: 'File' } }],
    },
  };
  return `# Written by keelson.\n${stringify(manifest, { lineWidth: 0 })}`;
}

function environment(pod: KubeVipPod): readonly unknown[] {
  const values: readonly (readonly [string, string])[] = [
    ['vip_interface', pod.interface],
    ['vip_subnet', addressFamily(pod.virtualIp) === 'IPv6' ? '128' : '32'],
    ['dns_mode', 'first'],
    ['cp_enable', 'true'],
    ['cp_namespace', 'kube-system'],
    ['vip_leaderelection', 'true'],
    ['vip_leasename', 'plndr-cp-lock'],
    ['vip_leaseduration', '5'],
    ['vip_renewdeadline', '3'],
    ['vip_retryperiod', '1'],
    ['address', pod.virtualIp],
    ['prometheus_server', ':2112'],
  ];
  return [
    { name: 'vip_arp', value: 'true' },
    { name: 'port', value: String(pod.port) },
    // Who holds the lease.
    { name: 'vip_nodename', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
    ...values.map(([name, value]) => ({ name, value })),
  ];
}
