import { createHash } from 'node:crypto';
import type { BundleManifest } from '../../../src/desired/bundle.ts';

const programs = [
  { name: 'kubeadm', version: 'v1.36.3', folder: '/usr/local/bin' },
  { name: 'kubelet', version: 'v1.36.3', folder: '/usr/local/bin' },
  { name: 'containerd', version: 'v2.4.2', folder: '/usr/local/bin' },
  { name: 'runc', version: '1.3.3', folder: '/usr/local/sbin' },
];
const images = [
  { name: 'registry.k8s.io/etcd:3.6.8-0', version: '3.6.8' },
  { name: 'registry.k8s.io/pause:3.10.2', version: '3.10.2' },
];

/** A small bundle: what a machine for etcd needs. */
export const bundle: BundleManifest = {
  apiVersion: 'keelson.dev/v1alpha1',
  kind: 'Bundle',
  kubernetesVersion: 'v1.36.3',
  architecture: 'amd64',
  files: programs.map(({ name, version, folder }) => ({
    name,
    version,
    path: `files/${name}`,
    sha256: hash(name),
    sizeBytes: 40_000_000,
    install: `${folder}/${name}`,
    mode: '0755',
  })),
  images: images.map(({ name, version }) => ({
    name,
    version,
    path: `images/${hash(name)}.tar`,
    sha256: hash(name),
    sizeBytes: 20_000_000,
  })),
};

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
