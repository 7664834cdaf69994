import { stringify } from 'yaml';
import { merge } from './merge.ts';

export interface EtcdKubeletConfig {
  cgroupDriver: 'systemd' | 'cgroupfs';
  /** `unix:///run/containerd/containerd.sock` */
  criEndpoint: string;
  /** Any KubeletConfiguration field, merged over ours. */
  overrides: Readonly<Record<string, unknown>>;
}

/**
 * KubeletConfiguration for a machine whose kubelet only runs static pods: reachable from the machine itself alone, and not
 * asking an API server who may do what, because there is none.
 * Source: "Set up a High Availability etcd Cluster with kubeadm", step 1.
 */
export function etcdKubeletConfig(config: EtcdKubeletConfig): string {
  const { cgroupDriver, criEndpoint, overrides } = config;
  const known = rendered.get(overrides) ?? new Map<string, string>();
  rendered.set(overrides, known);
  const key = `${cgroupDriver} ${criEndpoint}`;
  const text = known.get(key) ?? render(config);
  known.set(key, text);
  return text;
}

/**
 * By the overrides, which are a part of the configuration. It is rendered again whenever somebody looks whether the file is right, and
 * writing YAML costs more than all else of such a look.
 */
const rendered = new WeakMap<EtcdKubeletConfig['overrides'], Map<string, string>>();

function render(config: EtcdKubeletConfig): string {
  const ours = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: '127.0.0.1',
    authentication: { anonymous: { enabled: false }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    cgroupDriver: config.cgroupDriver,
    containerRuntimeEndpoint: config.criEndpoint,
    staticPodPath: '/etc/kubernetes/manifests',
    readOnlyPort: 0,
  };
  return `# Written by keelson.\n${stringify(merge(ours, config.overrides), { lineWidth: 0 })}`;
}
