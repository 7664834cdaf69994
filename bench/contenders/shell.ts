import { join } from 'node:path';
import { writeProcedureFiles } from './files.ts';
import { type Contender, cleanEnvironment } from './types.ts';

const descriptions = {
  'shell-serial':
    'the documented procedure as plain shell, host by host, ssh with ControlMaster (bench/contenders/shell-serial.sh)',
  'shell-parallel': 'the same, parallel wherever it can be (bench/contenders/shell-parallel.sh)',
} as const;

export function shellContender(name: keyof typeof descriptions, kubernetesVersion: string): Contender {
  return {
    name,
    description: descriptions[name],
    prepare: async (site) => {
      const files = writeProcedureFiles(site, kubernetesVersion);
      const script = join(import.meta.dirname, `${name}.sh`);
      const hosts = site.machines.map((machine) => machine.name);
      return {
        argv: ['bash', script, site.sshConfig, files, ...hosts],
        cwd: site.folder,
        env: cleanEnvironment(site),
      };
    },
  };
}
