import type { Software } from '../../desired/types.ts';
import type { KnownArtefact, SimMachine } from './machine.ts';
import { installPackage } from './write-handlers.ts';

const VERSIONS = { kubeadm: '1.36.3', kubelet: '1.36.3', containerd: '2.4.2', runc: '1.3.3' };
const CONTAINERD_CONFIG = "version = 3\nsandbox = 'registry.k8s.io/pause:3.10.2'\nSystemdCgroup = true\n";
export const ETCD_IMAGE = 'registry.k8s.io/etcd:3.6.8-0';

/** A machine as it is handed to keelson, for each place that its software may come from. */
export function installSoftware(machine: SimMachine, software: Software, wallMs: number): void {
  if (software.source === 'preinstalled') {
    machine.putFile('/etc/containerd/config.toml', CONTAINERD_CONFIG, '644', wallMs / 1000);
    for (const [tool, version] of Object.entries(VERSIONS)) installPackage(machine, tool, version, wallMs);
    machine.images.add(ETCD_IMAGE);
  }
  if (software.source !== 'bundle') return;
  const { files, images } = software.bundle.manifest;
  const known = new Map<string, KnownArtefact>();
  for (const file of files) known.set(file.sha256, { program: { name: file.name, version: file.version } });
  for (const image of images) known.set(image.sha256, { image: image.name });
  machine.artefacts = known;
  machine.registry = false;
}
