import type { Desired } from './types.ts';

/** Kernel modules: containerd's file system, and what makes bridged traffic visible to iptables. Built in, or loaded at each boot. */
export const nodeModules: readonly string[] = ['overlay', 'br_netfilter'];

/**
 * Kernel settings of a node. A setting that the kernel does not have is passed over: those of the bridge are there only with br_netfilter.
 * Source: "Container Runtimes", section on forwarding; flannel's notes on br_netfilter.
 */
export function nodeSysctls({ config }: Pick<Desired, 'config'>): readonly (readonly [name: string, value: string])[] {
  const v6 = config.spec.network.podSubnet.includes(':');
  return v6
    ? [
        ['net.ipv6.conf.all.forwarding', '1'],
        ['net.bridge.bridge-nf-call-ip6tables', '1'],
      ]
    : [
        ['net.ipv4.ip_forward', '1'],
        ['net.bridge.bridge-nf-call-iptables', '1'],
      ];
}
