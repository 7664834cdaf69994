import { addressFamily } from '../config/address.ts';

/** Any object of Kubernetes: what it is called, and the rest as it is sent. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Readonly<Record<string, string>> };
  [field: string]: unknown;
}

export interface FlannelConfig {
  /** With flanneld at /opt/bin/flanneld, and `cp`. */
  image: string;
  /** Where the CNI plug-in `flannel` comes from: it is in /opt/cni/bin already, or an image has it at /flannel. */
  cniPlugin: { from: 'machine' } | { from: 'image'; image: string };
  /** Of ClusterConfiguration: one of IPv4, one of IPv6, or one of each. */
  podSubnets: readonly string[];
  /** The network interface between the machines, on all of them; by default the one of the default route. */
  interface?: string;
}

const NAMESPACE = 'kube-flannel';
const LABELS = { tier: 'node', app: 'flannel', 'k8s-app': 'flannel' };

/**
 * flannel with VXLAN (UDP 8472), in the order in which the objects are to be applied.
 *
 * Source: kube-flannel.yml of flannel v0.26. What differs: the plug-in may be on the machines already; every taint is tolerated, those of
 * users that evict as well, because no pod of a machine has a network without it; and nothing may be done with clustercidrs, which no
 * cluster of today has.
 */
export function flannelObjects(config: FlannelConfig): readonly KubeObject[] {
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: NAMESPACE,
        // It is on the machine's network and mounts its folders, which no stricter level lets it.
        labels: { 'k8s-app': 'flannel', 'pod-security.kubernetes.io/enforce': 'privileged' },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'flannel', namespace: NAMESPACE, labels: { 'k8s-app': 'flannel' } },
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'flannel', labels: { 'k8s-app': 'flannel' } },
      rules: [
        { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
        { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
        { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch'] },
      ],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'flannel', labels: { 'k8s-app': 'flannel' } },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'flannel' },
      subjects: [{ kind: 'ServiceAccount', name: 'flannel', namespace: NAMESPACE }],
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kube-flannel-cfg', namespace: NAMESPACE, labels: LABELS },
      data: { 'cni-conf.json': json(cniConfig), 'net-conf.json': json(networkConfig(config.podSubnets)) },
    },
    daemonSet(config),
  ];
}

const cniConfig = {
  name: 'cbr0',
  cniVersion: '0.3.1',
  plugins: [
    { type: 'flannel', delegate: { hairpinMode: true, isDefaultGateway: true } },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
};

function networkConfig(podSubnets: readonly string[]): Record<string, unknown> {
  const version4 = podSubnets.filter((subnet) => addressFamily(subnet) === 'IPv4');
  const version6 = podSubnets.filter((subnet) => addressFamily(subnet) === 'IPv6');
  if (podSubnets.length === 0 || version4.length > 1 || version6.length > 1) {
    throw new Error(`flannel takes one pod subnet of each family; these are "${podSubnets.join(',')}"`);
  }
  return {
    // IPv4 is on unless it is turned off, and then its network is asked for.
    ...(version4.length === 0 ? { EnableIPv4: false } : { Network: version4[0] }),
    ...(version6.length === 0 ? {} : { EnableIPv6: true, IPv6Network: version6[0] }),
    Backend: { Type: 'vxlan' },
  };
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

const cniMount = { name: 'cni', mountPath: '/etc/cni/net.d' };
const pluginMount = { name: 'cni-plugin', mountPath: '/opt/cni/bin' };
const configMount = { name: 'flannel-cfg', mountPath: '/etc/kube-flannel/' };

function daemonSet(config: FlannelConfig): KubeObject {
  const { cniPlugin } = config;
  const fromImage = cniPlugin.from === 'image';
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'kube-flannel-ds', namespace: NAMESPACE, labels: LABELS },
    spec: {
      selector: { matchLabels: { app: 'flannel' } },
      template: {
        metadata: { labels: LABELS },
        spec: {
          affinity: onLinux,
          hostNetwork: true,
          priorityClassName: 'system-node-critical',
          tolerations: [{ operator: 'Exists' }],
          serviceAccountName: 'flannel',
          initContainers: [
            ...(fromImage
              ? [copy('install-cni-plugin', cniPlugin.image, '/flannel', '/opt/cni/bin/flannel', [pluginMount])]
              : []),
            // Last: with this file the kubelet calls the machine's network ready.
            copy('install-cni', config.image, '/etc/kube-flannel/cni-conf.json', '/etc/cni/net.d/10-flannel.conflist', [
              cniMount,
              configMount,
            ]),
          ],
          containers: [flanneld(config)],
          volumes: [
            { name: 'run', hostPath: { path: '/run/flannel' } },
            ...(fromImage ? [{ name: 'cni-plugin', hostPath: { path: '/opt/cni/bin' } }] : []),
            { name: 'cni', hostPath: { path: '/etc/cni/net.d' } },
            { name: 'flannel-cfg', configMap: { name: 'kube-flannel-cfg' } },
            { name: 'xtables-lock', hostPath: { path: '/run/xtables.lock', type: 'FileOrCreate' } },
          ],
        },
      },
    },
  };
}

const onLinux = {
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/os', operator: 'In', values: ['linux'] }] }],
    },
  },
};

function copy(name: string, image: string, from: string, to: string, volumeMounts: readonly unknown[]): unknown {
  return { name, image, command: ['cp'], args: ['-f', from, to], volumeMounts };
}

function flanneld(config: FlannelConfig): unknown {
  return {
    name: 'kube-flannel',
    image: config.image,
    command: ['/opt/bin/flanneld'],
    args: [
      '--ip-masq',
      '--kube-subnet-mgr',
      ...(config.interface === undefined ? [] : [`--iface=${config.interface}`]),
    ],
    resources: { requests: { cpu: '100m', memory: '50Mi' } },
    securityContext: { privileged: false, capabilities: { add: ['NET_ADMIN', 'NET_RAW'] } },
    env: [
      // By these it finds the pod that it is, and so its node.
      { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
      { name: 'EVENT_QUEUE_DEPTH', value: '5000' },
    ],
    volumeMounts: [
      { name: 'run', mountPath: '/run/flannel' },
      configMount,
      { name: 'xtables-lock', mountPath: '/run/xtables.lock' },
    ],
  };
}
