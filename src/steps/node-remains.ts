import { type ClusterKeyFile, clusterKeyFiles, controlPlaneCertificateFiles } from '../desired/cluster-keys.ts';
import { paths } from '../desired/paths.ts';
import type { FilesFact } from '../facts/types.ts';
import type { HostId } from '../model/ids.ts';
import { chainsTo, publicKeySha256 } from '../model/x509.ts';
import type { ClusterKeyName } from '../ports/vault.ts';
import { factOf } from './compare.ts';
import type { View } from './types.ts';

/** What kubeadm made on a machine that keelson had prepared for it. */
export interface NodeRemains {
  /** Of kubeadm's static pods, those that lie there, and keelson's own. */
  manifests: readonly string[];
  kubeconfigs: readonly string[];
  /** Certificates and keys beside those of etcd. */
  pki: readonly string[];
  /** keelson's own: kernel settings and modules, the kubelet's drop-in. They go last: by them the others are known. */
  files: readonly string[];
}

/** Those that kubeadm writes. Others in the same folder are somebody else's. */
const STATIC_PODS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'etcd'];

/**
 * null on a machine that keelson has not prepared as a node. On one that it has, what bears kubeadm's names is this cluster's: `apply`
 * claims no machine that has any of it (`safety.foreign-control-plane`), and prepares none before it has claimed it.
 */
export function nodeRemainsOf(view: View, on: HostId): NodeRemains | null {
  const state = factOf(view, on, 'node');
  if (state === null || !wasNode(view, on)) return null;
  const files = factOf(view, on, 'files');
  return {
    manifests: [
      ...STATIC_PODS.filter((name) => state.manifests.has(name)).map(
        (name) => `${paths.manifestDirectory}/${name}.yaml`,
      ),
      ...[paths.kubeVipManifest].filter((path) => isMarked(files, path)),
    ],
    kubeconfigs: [...state.kubeconfigs].map((name) => `/etc/kubernetes/${name}.conf`).sort(),
    pki: pkiOf(view, files),
    files: [paths.kubeadmDropIn, paths.nodeModules, paths.nodeSysctls].filter((path) => isMarked(files, path)),
  };
}

/** keelson has prepared it for kubeadm. Either file comes before kubeadm runs there. */
export function wasNode(view: View, on: HostId): boolean {
  const files = factOf(view, on, 'files');
  return isMarked(files, paths.nodeSysctls) || isMarked(files, paths.nodeModules);
}

/** All of keelson's files but keys and certificates begin with it. */
const MARK = '# Written by keelson.';

export function isMarked(files: FilesFact, path: string): boolean {
  return files.text.get(path)?.startsWith(MARK) === true;
}

function pkiOf(view: View, files: FilesFact): string[] {
  const found: string[] = [];
  const trusted = new Map<ClusterKeyName, string>();
  for (const pair of clusterKeyFiles) {
    const half = ownHalf(view, files, pair);
    if (half === null) continue;
    trusted.set(pair.name, half);
    // A key whose half lies beside it, or was to be placed next.
    if (files.publicKeys.get(pair.key) === publicKeySha256(half)) found.push(pair.key);
    if (sameKey(files.text.get(pair.public), half)) found.push(pair.public);
  }
  const there = new Set(files.entries.map((entry) => entry.path));
  for (const { certPath, keyPath, issuer } of controlPlaneCertificateFiles) {
    const ca = trusted.get(issuer);
    const pem = files.text.get(certPath);
    if (ca === undefined) continue;
    const issued = pem !== undefined && chainsTo(pem, ca);
    // kubeadm writes the key first.
    if (there.has(keyPath) && (issued || pem === undefined)) found.push(keyPath);
    if (issued) found.push(certPath);
  }
  return found;
}

/** What the vault has; where it cannot be opened, what the machine has. */
function ownHalf({ desired, facts }: View, files: FilesFact, { name, public: path }: ClusterKeyFile): string | null {
  const known = desired.clusterKeys.get(name);
  if (known !== undefined) return known;
  const sealed = facts.vault.is === 'known' && facts.vault.value.is === 'sealed';
  return sealed ? (files.text.get(path) ?? null) : null;
}

function sameKey(pem: string | undefined, half: string): boolean {
  return pem !== undefined && publicKeySha256(pem) === publicKeySha256(half);
}

/** The machine's Kubernetes CA is another than the vault's: somebody has joined it to another cluster since. */
export function trustsAnother(view: View, on: HostId): boolean {
  const mine = view.desired.clusterKeys.get('kubernetes-ca');
  const theirs = factOf(view, on, 'files').text.get(clusterKeyFiles[0]?.public ?? '');
  return mine !== undefined && theirs !== undefined && !sameKey(theirs, mine);
}
