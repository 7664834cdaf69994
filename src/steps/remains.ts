import { certificateFiles, etcdCa } from '../desired/certificates.ts';
import { paths } from '../desired/paths.ts';
import type { FilesFact } from '../facts/types.ts';
import type { HostId } from '../model/ids.ts';
import { chainsTo, verifyPair } from '../model/x509.ts';
import { factOf } from './compare.ts';
import { kubeadmConfigOn } from './kubeadm-config.ts';
import { HAPROXY, KEEPALIVED } from './load-balancer.ts';
import { isMarked, type NodeRemains, nodeRemainsOf } from './node-remains.ts';
import { CONTAINERD, KUBELET } from './software.ts';
import type { View } from './types.ts';

/** What keelson made on a machine that carries its record, and what lies beside it. */
export interface Remains {
  dataDir: string;
  /** etcd was to be started here: its static pod, its process and what the data directory holds are this cluster's. */
  member: { manifest: boolean; process: boolean; data: boolean } | null;
  /** It was made a node of Kubernetes. */
  node: NodeRemains | null;
  /** The kubelet runs as keelson configured it, or let kubeadm. `state`: what it keeps is of this cluster alone. */
  kubelet: { stop: boolean; disable: boolean; state: boolean };
  /** keelson's own containerd, from a bundle. */
  containerd: { stop: boolean; disable: boolean } | null;
  /** keelson's load balancer, keepalived first: the virtual IP goes before what answers at it. */
  balancer: readonly { unit: string; stop: boolean; disable: boolean; files: readonly string[] }[];
  /** keelson's package source. */
  packages: boolean;
  /** Certificates and keys that keelson issued for this machine, the CA's certificate last: while it is there, keys without a certificate are ours. */
  pki: readonly string[];
  /** Single files beside those. */
  files: readonly string[];
  /** Large files that keelson placed, unchanged since. */
  programs: readonly string[];
  /** In keelson's folders, and not keelson's: it stays. */
  foreign: readonly string[];
}

const ETCD_SERVER_CERTIFICATE = `${paths.etcdPkiDirectory}/server.crt`;

export function remainsOf(view: View, on: HostId): Remains {
  const files = factOf(view, on, 'files');
  const units = factOf(view, on, 'units');
  const record = factOf(view, on, 'record');
  const made = (path: string): boolean => isMarked(files, path);
  const node = nodeRemainsOf(view, on);
  const ofEtcd = pkiFiles(view, files);
  // kubeadm's configuration is written before the manifest, and the cluster's id after etcd has run. A node's record has the id as well; there
  // kubeadm issues etcd's certificate when it has found the data directory empty, before the manifest.
  const reached =
    exists(files, paths.kubeadmConfig) ||
    (node === null
      ? record.is === 'record' && record.record.etcdClusterId !== undefined && !isListedNode(view, on)
      : node.manifests.includes(paths.manifest) || ofEtcd.includes(ETCD_SERVER_CERTIFICATE));
  const service = (name: string, applies: boolean): { stop: boolean; disable: boolean } => {
    const unit = units.get(name);
    const runs = unit?.loaded === true && unit.active !== 'inactive' && unit.active !== 'failed';
    return { stop: applies && runs, disable: applies && unit?.enabled === true };
  };
  const configured =
    made(paths.kubeletDropIn) || exists(files, paths.kubeletConfig) || made(paths.kubeletUnit) || node !== null;
  const pki = [...(node?.pki ?? []), ...ofEtcd];
  const single = [
    ...[paths.kubeletDropIn, paths.kubeletUnit, paths.containerdUnit, paths.containerdConfig, paths.aptSource].filter(
      made,
    ),
    // A key has no line to be known by: it belongs to the source beside it.
    ...(made(paths.aptSource) && exists(files, paths.aptKey) ? [paths.aptKey] : []),
    ...(node?.kubeconfigs ?? []),
    ...(node?.files ?? []),
  ];
  const programs = [...factOf(view, on, 'artefacts').keys()].filter((path) => !path.startsWith(paths.stateDirectory));
  const data = factOf(view, on, 'etcdData');
  const { dataDir } = view.desired.config.spec.etcd;
  const member = {
    manifest: exists(files, paths.manifest),
    process: factOf(view, on, 'etcdProcess').is === 'running',
    data: data.is !== 'absent',
  };
  return {
    dataDir,
    member: reached ? member : null,
    node,
    kubelet: {
      ...service(KUBELET, configured),
      state: made(paths.kubeletUnit) || made(paths.aptSource) || node !== null,
    },
    containerd: made(paths.containerdUnit) ? service(CONTAINERD, true) : null,
    balancer: balancerRemains(files, service),
    packages: made(paths.aptSource),
    pki,
    files: single,
    programs,
    foreign: [
      ...foreignEntries(files, [...pki, ...single, ...(node?.manifests ?? []), ...(reached ? [paths.manifest] : [])]),
      ...(data.is === 'foreign' ? data.entries.map((name) => foreignData(dataDir, name)) : []),
    ],
  };
}

function balancerRemains(
  files: FilesFact,
  service: (name: string, applies: boolean) => { stop: boolean; disable: boolean },
): Remains['balancer'] {
  // The script has a line before keelson's.
  const script = files.text.get(paths.checkScript)?.includes('\n# Written by keelson.\n') === true;
  return [
    {
      unit: KEEPALIVED,
      ...service(KEEPALIVED, isMarked(files, paths.keepalivedConfig)),
      files: [
        ...(isMarked(files, paths.keepalivedConfig) ? [paths.keepalivedConfig] : []),
        ...(script ? [paths.checkScript] : []),
      ],
    },
    {
      unit: HAPROXY,
      ...service(HAPROXY, isMarked(files, paths.haproxyConfig)),
      files: isMarked(files, paths.haproxyConfig) ? [paths.haproxyConfig] : [],
    },
  ].filter((part) => part.files.length > 0);
}

/** It runs no etcd, or kubeadm's. */
function isListedNode({ desired }: View, on: HostId): boolean {
  return desired.nodes.some((node) => node.host === on);
}

function exists(files: FilesFact, path: string): boolean {
  const fact = files.at.get(path);
  return fact !== undefined && fact.is !== 'absent';
}

/** A certificate is ours when our CA signed it; a key when its certificate is, or when it was placed and its certificate not yet. */
function pkiFiles(view: View, files: FilesFact): string[] {
  const ca = view.desired.caCertificate;
  if (ca === null) return [];
  const caIsOurs = files.text.get(etcdCa.certPath) === ca;
  const found: string[] = [];
  for (const { certPath, keyPath } of certificateFiles) {
    const pem = files.text.get(certPath);
    const issued = pem !== undefined && chainsTo(pem, ca);
    if (exists(files, keyPath) && (issued || (pem === undefined && caIsOurs))) found.push(keyPath);
    if (issued) found.push(certPath);
  }
  const caKey = files.publicKeys.get(etcdCa.keyPath);
  if (caKey !== undefined && verifyPair(ca, caKey)) found.push(etcdCa.keyPath);
  if (caIsOurs) found.push(etcdCa.certPath);
  return found;
}

/** The fact names the directory itself when it is none. */
function foreignData(dataDir: string, name: string): string {
  return name === dataDir ? name : `${dataDir}/${name}`;
}

/** Hidden files are left out: packages keep empty folders by them, and half-sent files of ours are swept away. */
function foreignEntries(files: FilesFact, ours: readonly string[]): string[] {
  return files.entries
    .filter(({ path }) => path !== paths.etcdPkiDirectory && !ours.includes(path) && !/\/\.[^/]*$/.test(path))
    .map((entry) => entry.path);
}

/** The data directory that the machine's own kubeadm configuration names; null without one. */
export function configuredDataDir(view: View, on: HostId): string | null {
  const text = factOf(view, on, 'files').text.get(paths.kubeadmConfig);
  return text === undefined ? null : kubeadmConfigOn(text).dataDir;
}
