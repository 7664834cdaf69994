import { join } from 'node:path';
import { type Keys, writeProcedureFiles } from './files.ts';
import { type Contender, cleanEnvironment } from './types.ts';

const shells = {
  'shell-serial': {
    script: 'shell-serial.sh',
    keys: 'documented',
    description:
      'the documented procedure as plain shell, host by host, with ssh and scp as anybody has them and RSA keys as kubeadm makes them by default (bench/contenders/shell-serial.sh)',
  },
  'shell-parallel': {
    script: 'shell-parallel.sh',
    keys: 'documented',
    description: 'the same, parallel wherever it can be, over kept connections (bench/contenders/shell-parallel.sh)',
  },
  'shell-parallel-ecdsa': {
    script: 'shell-parallel.sh',
    keys: 'ecdsa',
    description: 'the same with ECDSA keys, which the page does not ask for: the floor',
  },
} as const satisfies Record<string, { script: string; keys: Keys; description: string }>;

export function shellContender(name: keyof typeof shells, kubernetesVersion: string): Contender {
  const { script, keys, description } = shells[name];
  return {
    name,
    description,
    prepare: async (site) => {
      const files = writeProcedureFiles(site, kubernetesVersion, keys);
      const hosts = site.machines.map((machine) => machine.name);
      return {
        argv: ['bash', join(import.meta.dirname, script), site.sshConfig, files, ...hosts],
        cwd: site.folder,
        env: cleanEnvironment(site),
      };
    },
  };
}
