import type { ClusterConfig } from '../../src/config/schema.ts';
import { desire } from '../../src/desired/desire.ts';
import type { EtcdFacts, HostFacts, KubeFacts, NodeFact, View } from '../../src/facts/types.ts';
import { hostId } from '../../src/model/ids.ts';
import type { VaultState } from '../../src/ports/vault.ts';
import { configOf } from './config.ts';
import { known, openVault } from './scene.ts';

/** `loadBalancer` and more of spec.controlPlane, eight blanks in front. */
export function stackedConfig({
  source = 'bundle',
  endpoint = '10.77.0.100:8443',
  controlPlane = `    loadBalancer:
      kind: haproxy-keepalived
      virtualIP: 10.77.0.100
`,
  hosts = '',
  etcd = '{ topology: stacked }',
}: {
  source?: 'bundle' | 'packages' | 'preinstalled';
  endpoint?: string;
  controlPlane?: string;
  hosts?: string;
  etcd?: string;
} = {}): ClusterConfig {
  const software = source === 'bundle' ? '{ source: bundle, bundle: ./bundle }' : `{ source: ${source} }`;
  const text = `apiVersion: keelson.dev/v1alpha1
kind: Cluster
metadata: { name: lab }
spec:
  kubernetesVersion: v1.36.3
  software: ${software}
  etcd: ${etcd}
  controlPlane:
    endpoint: ${endpoint}
${controlPlane}
  hosts:
    - { name: cp-0, address: 10.77.0.20, roles: [control-plane] }
    - { name: cp-1, address: 10.77.0.21, roles: [control-plane] }
    - { name: cp-2, address: 10.77.0.22, roles: [control-plane] }
${hosts}
`;
  return configOf(text);
}

/** What a view of such a cluster shows; only what a test names is known of a machine. */
export function nodesView(
  config: ClusterConfig,
  seen: {
    vault?: VaultState;
    hosts?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    kube?: KubeFacts;
    etcd?: EtcdFacts;
  } = {},
): View {
  const vault = seen.vault ?? openVault('founding');
  const hosts = Object.entries(seen.hosts ?? {}).map(
    ([name, facts]) =>
      [
        hostId(name),
        Object.fromEntries(Object.entries(facts).map(([fact, value]) => [fact, known(value)])) as unknown as HostFacts,
      ] as const,
  );
  return {
    desired: desire(config, vault, { source: 'preinstalled' }),
    facts: {
      hosts: new Map(hosts),
      etcd: known(seen.etcd ?? { endpoints: new Map() }),
      kube: known(seen.kube ?? { servers: new Map(), cluster: null }),
      vault: known(vault),
    },
  };
}

export function nodeFact(change: Partial<NodeFact> = {}): NodeFact {
  return {
    kubeconfigs: new Set(),
    superAdminUsers: new Set(),
    manifests: new Set(),
    kubeletConfigured: false,
    sysctls: new Map(),
    hasOverlay: true,
    caSha256: null,
    kubeadmPids: [],
    ...change,
  };
}
