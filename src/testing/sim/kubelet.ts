import { parse } from 'yaml';
import { remembered } from '../../model/remembered.ts';
import type { SimMachine } from './machine.ts';
import { unitOf } from './systemd.ts';

export const KUBELET_CONFIG = '/var/lib/kubelet/config.yaml';
export const KUBELET_FLAGS = '/var/lib/kubelet/kubeadm-flags.env';
export const KUBECONFIG = '/etc/kubernetes/kubelet.conf';
export const BOOTSTRAP = '/etc/kubernetes/bootstrap-kubelet.conf';

export interface SimTaint {
  key: string;
  value?: string;
  effect: string;
}

/** A kubelet that is a node of a cluster. */
export interface SimKubelet {
  nodeName: string;
  /** `host:port` of the API server that it speaks to. */
  server: string;
  labels: Readonly<Record<string, string>>;
  taints: readonly SimTaint[];
}

interface Kubeconfig {
  clusters?: [{ cluster?: { server?: string } }];
  users?: [{ name?: string; user?: { token?: string } }];
}

const configured = remembered((text): { nodeName: string; server: string; token: string } => {
  const { clusters, users } = parse(text) as Kubeconfig;
  return {
    token: users?.[0].user?.token ?? '',
    nodeName: (users?.[0].name ?? '').replace(/^system:node:/, ''),
    server: (clusters?.[0].cluster?.server ?? '').replace('https://', ''),
  };
});

/** null while none runs, or the one that runs knows no cluster. */
export function kubeletOf(machine: SimMachine): SimKubelet | null {
  const text = machine.files.get(KUBECONFIG)?.content;
  if (!machine.up || text === undefined || unitOf(machine, 'kubelet.service').state !== 'active') return null;
  const flags = machine.files.get(KUBELET_FLAGS)?.content ?? '';
  const { nodeName, server } = configured(text);
  return { nodeName, server, ...flagsIn(flags) };
}

/** What a kubelet goes by that has no certificate yet. */
export function bootstrapOf(machine: SimMachine): { nodeName: string; server: string; token: string } | null {
  const text = machine.files.get(BOOTSTRAP)?.content;
  if (!machine.up || text === undefined || unitOf(machine, 'kubelet.service').state !== 'active') return null;
  // Its user is the token's; the node's name is a flag of the kubelet's.
  const name = /--hostname-override=([^\s"]+)/.exec(machine.files.get(KUBELET_FLAGS)?.content ?? '')?.[1];
  return { ...configured(text), nodeName: name ?? machine.id };
}

const flagsIn = remembered((text): Pick<SimKubelet, 'labels' | 'taints'> => {
  const given = (name: string): string[] =>
    (new RegExp(`--${name}=([^\\s"]+)`).exec(text)?.[1] ?? '').split(',').filter((item) => item !== '');
  return {
    labels: Object.fromEntries(given('node-labels').map((pair) => pair.split('=') as [string, string])),
    taints: given('register-with-taints').map((taint) => {
      const [, key = '', value, effect = ''] = /^([^=:]+)(?:=([^:]*))?:(.+)$/.exec(taint) ?? [];
      return { key, effect, ...(value === undefined || value === '' ? {} : { value }) };
    }),
  };
});

/** A kubeconfig as kubeadm writes it, without what proves who asks. */
export function kubeconfigText(user: string, server: string, ca: string, token?: string): string {
  return [
    'apiVersion: v1',
    'clusters:',
    '- cluster:',
    `    certificate-authority-data: ${Buffer.from(ca).toString('base64')}`,
    `    server: https://${server}`,
    '  name: kubernetes',
    'contexts:',
    '- context:',
    '    cluster: kubernetes',
    `    user: ${user}`,
    `  name: ${user}@kubernetes`,
    `current-context: ${user}@kubernetes`,
    'kind: Config',
    'users:',
    `- name: ${user}`,
    ...(token === undefined ? [] : ['  user:', `    token: ${token}`]),
    '',
  ].join('\n');
}
