import { parseConfig } from '../../src/config/parse.ts';
import type { ClusterConfig } from '../../src/config/schema.ts';

/** `loadBalancer` and more of spec.controlPlane, eight blanks in front. */
export function stackedConfig({
  source = 'bundle',
  endpoint = '10.77.0.100:8443',
  controlPlane = `    loadBalancer:
      kind: haproxy-keepalived
      virtualIP: 10.77.0.100
`,
  hosts = '',
}: {
  source?: 'bundle' | 'packages' | 'preinstalled';
  endpoint?: string;
  controlPlane?: string;
  hosts?: string;
} = {}): ClusterConfig {
  const software = source === 'bundle' ? '{ source: bundle, bundle: ./bundle }' : `{ source: ${source} }`;
  const text = `apiVersion: keelson.dev/v1alpha1
kind: Cluster
metadata: { name: lab }
spec:
  kubernetesVersion: v1.36.3
  software: ${software}
  etcd: { topology: stacked }
  controlPlane:
    endpoint: ${endpoint}
${controlPlane}
  hosts:
    - { name: cp-0, address: 10.77.0.20, roles: [control-plane] }
    - { name: cp-1, address: 10.77.0.21, roles: [control-plane] }
    - { name: cp-2, address: 10.77.0.22, roles: [control-plane] }
${hosts}
`;
  const parsed = parseConfig(text, 'cluster.yaml');
  if (!parsed.ok) throw new Error(`the configuration of this test is wrong: ${JSON.stringify(parsed.problems)}`);
  return parsed.config;
}
