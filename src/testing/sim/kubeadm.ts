import { parseAllDocuments, stringify } from 'yaml';
import { remembered } from '../../model/remembered.ts';

interface ClusterConfiguration {
  kind: string;
  localAPIEndpoint?: { advertiseAddress: string };
  nodeRegistration?: { name?: string };
  etcd?: {
    local: {
      dataDir: string;
      imageTag?: string;
      imageRepository?: string;
      extraArgs?: { name: string; value: string }[];
    };
  };
}

/** Etcd's static pod as kubeadm 1.36 makes it from a configuration; the contract suite holds it to the real one. */
export const simulateKubeadm = remembered(makeManifest);

function makeManifest(config: string): string {
  const documents = parseAllDocuments(config).map((d) => d.toJS() as ClusterConfiguration);
  const init = documents.find((d) => d.kind === 'InitConfiguration');
  const address = init?.localAPIEndpoint?.advertiseAddress ?? '';
  const name = init?.nodeRegistration?.name ?? '';
  const local = documents.find((d) => d.kind === 'ClusterConfiguration')?.etcd?.local;
  const extra = local?.extraArgs ?? [];
  const ipv6 = address.includes(':');
  const host = ipv6 ? `[${address}]` : address;
  const loopback = ipv6 ? '[::1]' : '127.0.0.1';
  const defaults: [string, string][] = [
    ['advertise-client-urls', `https://${host}:2379`],
    ['cert-file', '/etc/kubernetes/pki/etcd/server.crt'],
    ['client-cert-auth', 'true'],
    ['data-dir', local?.dataDir ?? '/var/lib/etcd'],
    ['feature-gates', 'InitialCorruptCheck=true'],
    ['initial-advertise-peer-urls', `https://${host}:2380`],
    ['initial-cluster', `${name}=https://${host}:2380`],
    ['key-file', '/etc/kubernetes/pki/etcd/server.key'],
    ['listen-client-urls', `https://${loopback}:2379,https://${host}:2379`],
    ['listen-metrics-urls', `http://${loopback}:2381`],
    ['listen-peer-urls', `https://${host}:2380`],
    ['name', name],
    ['peer-cert-file', '/etc/kubernetes/pki/etcd/peer.crt'],
    ['peer-client-cert-auth', 'true'],
    ['peer-key-file', '/etc/kubernetes/pki/etcd/peer.key'],
    ['peer-trusted-ca-file', '/etc/kubernetes/pki/etcd/ca.crt'],
    ['snapshot-count', '10000'],
    ['trusted-ca-file', '/etc/kubernetes/pki/etcd/ca.crt'],
    ['watch-progress-notify-interval', '5s'],
  ];
  const overridden = new Set(extra.map((e) => e.name));
  const command = [
    'etcd',
    ...defaults.filter(([name]) => !overridden.has(name)).map(([name, value]) => `--${name}=${value}`),
    ...extra.map(({ name, value }) => `--${name}=${value}`),
  ];
  const metrics = new URL(
    (command.find((c) => c.startsWith('--listen-metrics-urls=')) ?? '')
      .slice('--listen-metrics-urls='.length)
      .split(',')[0] ?? '',
  );
  return stringify(
    pod(
      command,
      address,
      host,
      metrics,
      local?.dataDir ?? '/var/lib/etcd',
      `${local?.imageRepository ?? 'registry.k8s.io'}/etcd:${local?.imageTag ?? '3.6.8-0'}`,
    ),
    { lineWidth: 0, indentSeq: false },
  );
}

function pod(command: readonly string[], _address: string, host: string, metrics: URL, dataDir: string, image: string) {
  const probe = (path: string) => ({
    host: metrics.hostname.replace(/^\[|\]$/g, ''),
    path,
    port: 'probe-port',
    scheme: metrics.protocol === 'https:' ? 'HTTPS' : 'HTTP',
  });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      annotations: { 'kubeadm.kubernetes.io/etcd.advertise-client-urls': `https://${host}:2379` },
      labels: { component: 'etcd', tier: 'control-plane' },
      name: 'etcd',
      namespace: 'kube-system',
    },
    spec: {
      containers: [
        {
          command,
          image,
          imagePullPolicy: 'IfNotPresent',
          livenessProbe: {
            failureThreshold: 8,
            httpGet: probe('/livez'),
            initialDelaySeconds: 10,
            periodSeconds: 10,
            timeoutSeconds: 15,
          },
          name: 'etcd',
          ports: [{ containerPort: Number(metrics.port), name: 'probe-port', protocol: 'TCP' }],
          readinessProbe: { failureThreshold: 3, httpGet: probe('/readyz'), periodSeconds: 1, timeoutSeconds: 15 },
          resources: { requests: { cpu: '100m', memory: '100Mi' } },
          startupProbe: {
            failureThreshold: 24,
            httpGet: probe('/readyz'),
            initialDelaySeconds: 10,
            periodSeconds: 10,
            timeoutSeconds: 15,
          },
          volumeMounts: [
            { mountPath: dataDir, name: 'etcd-data' },
            { mountPath: '/etc/kubernetes/pki/etcd', name: 'etcd-certs' },
          ],
        },
      ],
      hostNetwork: true,
      priority: 2000001000,
      priorityClassName: 'system-node-critical',
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      volumes: [
        { hostPath: { path: '/etc/kubernetes/pki/etcd', type: 'DirectoryOrCreate' }, name: 'etcd-certs' },
        { hostPath: { path: dataDir, type: 'DirectoryOrCreate' }, name: 'etcd-data' },
      ],
    },
    status: {},
  };
}
