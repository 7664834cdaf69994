import type { HostId } from '../model/ids.ts';
import { etcdCa } from './certificates.ts';
import { paths } from './paths.ts';
import type { Desired } from './types.ts';

export interface ManagedPaths {
  /** Files whose text may be read. */
  text: readonly string[];
  /** Private keys: looked at, never read. */
  keys: readonly string[];
  folders: readonly string[];
}

/** Every path on a machine whose state a step judges. */
export function managedPaths(desired: Desired, on: HostId): ManagedPaths {
  const certificates = desired.hosts.get(on)?.certificates ?? [];
  const software =
    desired.software.source === 'bundle'
      ? [paths.kubeletUnit, paths.containerdUnit, paths.containerdConfig]
      : desired.software.source === 'packages'
        ? [paths.aptSource, paths.aptKey]
        : [];
  return {
    text: [
      paths.record,
      ...software,
      paths.kubeletConfig,
      paths.kubeletDropIn,
      etcdCa.certPath,
      ...certificates.map((c) => c.certPath),
      paths.kubeadmConfig,
      paths.preparedManifest,
      paths.manifest,
    ],
    keys: [etcdCa.keyPath, ...certificates.map((c) => c.keyPath)],
    folders: [paths.pkiDirectory, paths.etcdPkiDirectory, paths.manifestDirectory],
  };
}

/** Folders whose whole content is looked at, so that what does not belong there is seen. */
export const ownFolders: readonly string[] = [
  paths.pkiDirectory,
  paths.manifestDirectory,
  paths.kubeletDropInDirectory,
];
