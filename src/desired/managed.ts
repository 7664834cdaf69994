import { certificateFiles, etcdCa } from './certificates.ts';
import { paths } from './paths.ts';

export interface ManagedPaths {
  /** Files whose text may be read. */
  text: readonly string[];
  /** Private keys: looked at, never read. */
  keys: readonly string[];
  folders: readonly string[];
}

/** What belongs to one place that the software comes from, or another: looked at always, because the place may have been changed. */
const software = [paths.kubeletUnit, paths.containerdUnit, paths.containerdConfig, paths.aptSource, paths.aptKey];

/** Every path on a machine whose state a step judges; the same on all machines, members or not. */
export const managedPaths: ManagedPaths = {
  text: [
    paths.record,
    ...software,
    paths.kubeletConfig,
    paths.kubeletDropIn,
    etcdCa.certPath,
    ...certificateFiles.map((c) => c.certPath),
    paths.kubeadmConfig,
    paths.preparedManifest,
    paths.manifest,
  ],
  keys: [etcdCa.keyPath, ...certificateFiles.map((c) => c.keyPath)],
  folders: [paths.pkiDirectory, paths.etcdPkiDirectory, paths.manifestDirectory, paths.imageDirectory],
};

/** Folders whose whole content is looked at, so that what does not belong there is seen. */
export const ownFolders: readonly string[] = [
  paths.pkiDirectory,
  paths.manifestDirectory,
  paths.kubeletDropInDirectory,
];
