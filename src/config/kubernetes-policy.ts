// kubeadm reads kubeadm.k8s.io/v1beta4, which is what keelson writes, from 1.31 on.
const OLDEST_MINOR = 33;
const NEWEST_MINOR = 36;

/** Of the versions that are taken, the one that whole clusters were made with. */
export const testedMinor = 36;

/** Why this Kubernetes cannot be had from this keelson; null when it can, or when the text is no version. */
export function unsupportedVersion(version: string): string | null {
  const match = /^v(\d+)\.(\d+)\.\d+$/.exec(version);
  if (match === null) return null;
  const minor = Number(match[2]);
  if (match[1] !== '1' || minor > NEWEST_MINOR) return 'is newer than this keelson knows';
  return minor < OLDEST_MINOR
    ? 'is no longer maintained, and its kubeadm writes other files than this keelson knows'
    : null;
}

export const supportedVersions = `v1.${OLDEST_MINOR} to v1.${NEWEST_MINOR}`;
