import { etcdManifest, etcdProcess } from '../ports/commands/etcd.ts';
import type { CommandResult } from '../ports/host.ts';
import { isFounded } from '../ports/vault.ts';
import { lines, only, type Probe, UnreadableFact } from './probe.ts';
import type { EtcdProcessFact, ManifestFact, ManifestsFact } from './types.ts';

export const manifestsProbe: Probe<ManifestsFact> = {
  commands: (desired, on) => {
    const host = desired.hosts.get(on);
    if (host === undefined) return [];
    const running = etcdManifest(host.kubeadmConfig.running);
    // Once the cluster is founded nothing is ever written with state `new` again.
    return isFounded(desired.cluster.phase) ? [running] : [running, etcdManifest(host.kubeadmConfig.founding)];
  },
  parse: ([running, founding]) => {
    if (running === undefined) throw new UnreadableFact('a result is missing');
    return { running: manifest(running), founding: founding === undefined ? { is: 'no-kubeadm' } : manifest(founding) };
  },
};

const NOT_INSTALLED = 127;

export function manifest(result: CommandResult): ManifestFact {
  if (result.exitCode === 0) return { is: 'made', text: result.stdout, by: 'host' };
  if (result.exitCode === NOT_INSTALLED) return { is: 'no-kubeadm' };
  return { is: 'failed', output: result.stderr };
}

export const etcdProcessProbe: Probe<EtcdProcessFact> = {
  commands: () => [etcdProcess()],
  parse: (results, desired) => {
    const directory = `--data-dir=${desired.config.spec.etcd.dataDir}`;
    for (const line of lines(only(results).stdout)) {
      const [pid = '', base64 = ''] = line.split('|');
      const argv = atob(base64)
        .split('\0')
        .filter((arg) => arg !== '');
      if (argv.includes(directory)) return { is: 'running', pid: Number(pid), argv };
    }
    return { is: 'absent' };
  },
};
