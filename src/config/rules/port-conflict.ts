import { parseEndpoint } from '../address.ts';
import { type ConfigDraft, valueOr } from '../draft.ts';
import type { FieldProblem } from '../issues.ts';
import type { Path } from '../path.ts';
import { defaults } from '../schema.ts';
import { hostsOf, hostsWith } from './hosts.ts';
import type { ConfigRule } from './types.ts';

interface Taken {
  port: number;
  use: string;
}

/** Listened on by kubelet on every machine: health on loopback, and its API. */
const kubeletPorts: readonly Taken[] = [
  { port: 10_248, use: 'kubelet’s health' },
  { port: 10_250, use: 'kubelet’s API' },
];

/** Listened on by what kubeadm starts on every control plane. */
const controlPlanePorts: readonly Taken[] = [
  { port: 10_249, use: 'kube-proxy’s metrics' },
  { port: 10_256, use: 'kube-proxy’s health' },
  { port: 10_257, use: 'the controller manager’s' },
  { port: 10_259, use: 'the scheduler’s' },
];

const names = ['client', 'peer', 'metrics'] as const;

export const portConflict: ConfigRule = (draft) => {
  const given = draft.spec?.etcd?.ports;
  const taken = portMap([...kubeletPorts, ...sshPorts(draft)]);
  // Those with the default first: the one to correct is the one that was written.
  const ordered = names.toSorted((a, b) => Number(given?.[a] !== undefined) - Number(given?.[b] !== undefined));
  return ordered.flatMap((name) => {
    const port = valueOr(given, name, defaults.ports[name]);
    const use = port === undefined ? undefined : taken.get(port);
    if (port !== undefined) taken.set(port, `etcd’s ${name} port`);
    return use === undefined ? [] : [problem(['spec', 'etcd', 'ports', name], port, use)];
  });
};

/** The API server’s, and haproxy’s where it is on the same machines. What both share is a rule of its own. */
export const controlPlanePortConflict: ConfigRule = (draft) => {
  const section = draft.spec?.controlPlane;
  if (section === undefined || hostsWith(draft, 'control-plane').length === 0) return [];
  const stacked = draft.spec?.etcd?.topology === 'stacked';
  const etcdPorts = names.map((name) => ({ port: defaults.ports[name], use: `etcd’s ${name} port` }));
  const taken = portMap([...kubeletPorts, ...controlPlanePorts, ...(stacked ? etcdPorts : []), ...sshPorts(draft)]);
  const { loadBalancer } = section;
  const beside = loadBalancer?.kind === 'haproxy-keepalived' && loadBalancer.hosts !== 'load-balancer';
  const apiServer = section.apiServerPort;
  const haproxy = beside ? parseEndpoint(section.endpoint ?? '')?.port : undefined;
  return [
    { path: ['spec', 'controlPlane', 'apiServerPort'], port: apiServer },
    { path: ['spec', 'controlPlane', 'endpoint'], port: haproxy === apiServer ? undefined : haproxy },
  ].flatMap(({ path, port }) => {
    const use = port === undefined || port === null ? undefined : taken.get(port);
    return use === undefined ? [] : [problem(path, port, use)];
  });
};

function sshPorts(draft: ConfigDraft): Taken[] {
  const ports = [valueOr(draft.spec?.ssh, 'port', defaults.sshPort), ...hostsOf(draft).map((host) => host.sshPort)];
  return ports.flatMap((port) => (port === undefined ? [] : [{ port, use: 'sshd’s' }]));
}

function portMap(taken: readonly Taken[]): Map<number, string> {
  return new Map(taken.map(({ port, use }) => [port, use]));
}

function problem(path: Path, port: number | null | undefined, use: string): FieldProblem {
  return { code: 'config.port-conflict', path, message: `${port} is ${use} too`, action: 'choose another port' };
}
