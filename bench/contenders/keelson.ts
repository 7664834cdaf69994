import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { MeasuredCommand } from '../lib/measured.ts';
import type { Site } from '../lib/site.ts';
import { type Contender, cleanEnvironment } from './types.ts';

const program = join(import.meta.dirname, '../../bin/keelson');

export function keelsonContender(version: string, kubernetesVersion: string): Contender {
  return {
    name: 'keelson',
    description: `keelson ${version}: \`apply --yes\` from the build in dist/, with planning, vault, hardening and verification`,
    prepare: async (site) => {
      writeConfig(site, kubernetesVersion);
      const trust = keelsonCommand(site, ['hosts', 'trust', '--yes']);
      const [file, ...args] = trust.argv;
      const said = spawnSync(file, args, { cwd: trust.cwd, env: trust.env, encoding: 'utf8' });
      if (said.status !== 0) throw new Error(`keelson hosts trust: ${said.stderr}`);
      return keelsonCommand(site, ['apply', '--yes']);
    },
  };
}

export function keelsonCommand(site: Pick<Site, 'folder' | 'home'>, args: readonly string[]): MeasuredCommand {
  return { argv: [program, ...args], cwd: site.folder, env: cleanEnvironment(site) };
}

export function writeConfig(site: Site, kubernetesVersion: string): void {
  const config = {
    apiVersion: 'keelson.dev/v1alpha1',
    kind: 'Cluster',
    metadata: { name: 'bench' },
    spec: {
      kubernetesVersion,
      ssh: { user: 'root', identityFile: site.lab.identityFile },
      software: { source: 'preinstalled' },
      kubelet: { failCgroupV1: false, failSwapOn: false },
      hosts: site.machines.map(({ name, address }) => ({ name, address, roles: ['etcd'] })),
    },
  };
  writeFileSync(join(site.folder, 'cluster.yaml'), stringify(config));
}
