import type { ReadCommand } from '../ports/command.ts';
import { etcdManifest, etcdProcess, SAME_KUBEADM } from '../ports/commands/etcd.ts';
import type { CommandResult } from '../ports/host.ts';
import { isFounded } from '../ports/vault.ts';
import { type MadeManifest, nothingRemembered } from './memory.ts';
import { lines, only, type Probe, UnreadableFact } from './probe.ts';
import type { EtcdProcessFact, ManifestFact, ManifestsFact } from './types.ts';

const NO_KUBEADM: ManifestFact = { is: 'no-kubeadm' };

export const manifestsProbe: Probe<ManifestsFact> = {
  commands: (desired, on, known = nothingRemembered) => {
    const host = desired.hosts.get(on);
    if (host === undefined) return [];
    const running = askManifest(host.kubeadmConfig.running, known.manifests);
    // Once the cluster is founded nothing is ever written with state `new` again.
    if (isFounded(desired.cluster.phase)) return [running];
    return [running, askManifest(host.kubeadmConfig.founding, known.manifests)];
  },
  parse: ([running, founding], desired, on, _trip, known = nothingRemembered) => {
    const host = desired.hosts.get(on);
    if (running === undefined || host === undefined) throw new UnreadableFact('a result is missing');
    const { kubeadmConfig } = host;
    return {
      running: manifestOf(running, kubeadmConfig.running, known.manifests),
      founding: founding === undefined ? NO_KUBEADM : manifestOf(founding, kubeadmConfig.founding, known.manifests),
    };
  },
};

/** Asks the machine's kubeadm for a manifest, unless the one that is known was made from this configuration by the kubeadm that is there. */
export function askManifest(config: string, known: readonly MadeManifest[]): ReadCommand {
  return etcdManifest(config, known.find((made) => made.config === config)?.stamp);
}

const NOT_INSTALLED = 127;

/** The answer to {@link askManifest}. */
export function manifestOf(result: CommandResult, config: string, known: readonly MadeManifest[]): ManifestFact {
  const same = known.find((made) => made.config === config);
  if (result.exitCode === 0)
    return { is: 'made', text: result.stdout, by: 'host', config, stamp: result.stderr.trim() };
  if (result.exitCode === SAME_KUBEADM && same !== undefined) return same;
  if (result.exitCode === NOT_INSTALLED) return NO_KUBEADM;
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
