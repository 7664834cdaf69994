import { valueOr } from '../draft.ts';
import type { Path } from '../path.ts';
import { defaults } from '../schema.ts';
import { hostsOf } from './hosts.ts';
import type { ConfigRule } from './types.ts';

/** Listened on by kubelet on every machine: health on loopback, and its API. */
const kubeletPorts = [
  { port: 10_248, use: 'kubelet’s health' },
  { port: 10_250, use: 'kubelet’s API' },
];

const names = ['client', 'peer', 'metrics'] as const;

export const portConflict: ConfigRule = (draft) => {
  const given = draft.spec?.etcd?.ports;
  const sshPorts = [valueOr(draft.spec?.ssh, 'port', defaults.sshPort), ...hostsOf(draft).map((host) => host.sshPort)];
  const taken = new Map<number, string>(kubeletPorts.map(({ port, use }) => [port, use]));
  for (const port of sshPorts) if (port !== undefined) taken.set(port, 'sshd’s');
  // Those with the default first: the one to correct is the one that was written.
  const ordered = names.toSorted((a, b) => Number(given?.[a] !== undefined) - Number(given?.[b] !== undefined));
  return ordered.flatMap((name) => {
    const port = valueOr(given, name, defaults.ports[name]);
    const use = port === undefined ? undefined : taken.get(port);
    if (port !== undefined) taken.set(port, `etcd’s ${name} port`);
    if (use === undefined) return [];
    const path: Path = ['spec', 'etcd', 'ports', name];
    return [{ code: 'config.port-conflict', path, message: `${port} is ${use} too`, action: 'choose another port' }];
  });
};
