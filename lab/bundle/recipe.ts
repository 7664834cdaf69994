/**
 * What a bundle is made of. A further program is one row of `goPrograms`; a further image is one row of `images`, whose
 * tag kubeadm names.
 */

/** Where the version of a module comes from: pinned here, the bundle's own, or the tag kubeadm gives an image. */
type VersionSource = `v${string}` | 'kubernetes' | { readonly imageTag: string };

export interface GoModule {
  readonly path: string;
  readonly version: VersionSource;
  /** Kubernetes: the module replaces others by folders of its own repository, which the published module does not have. */
  readonly staging?: true;
  /** Variables that the linker sets to the module's version. */
  readonly versionVariables: readonly string[];
}

export interface GoProgram {
  readonly name: string;
  readonly module: keyof typeof goModules;
  readonly package: string;
  /** Absolute path on a host; without it the program is only for an image. */
  readonly install?: string;
}

export const goModules = {
  kubernetes: { path: 'k8s.io/kubernetes', version: 'kubernetes', staging: true, versionVariables: [] },
  containerd: {
    path: 'github.com/containerd/containerd/v2',
    version: 'v2.4.2',
    versionVariables: ['github.com/containerd/containerd/v2/version.Version'],
  },
  'cni-plugins': {
    path: 'github.com/containernetworking/plugins',
    version: 'v1.9.1',
    versionVariables: ['github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion'],
  },
  'etcd-server': { path: 'go.etcd.io/etcd/server/v3', version: { imageTag: 'etcd' }, versionVariables: [] },
  etcdctl: { path: 'go.etcd.io/etcd/etcdctl/v3', version: { imageTag: 'etcd' }, versionVariables: [] },
  etcdutl: { path: 'go.etcd.io/etcd/etcdutl/v3', version: { imageTag: 'etcd' }, versionVariables: [] },
} as const satisfies Record<string, GoModule>;

const containerdCommands = 'github.com/containerd/containerd/v2/cmd';
const cniPlugins = 'github.com/containernetworking/plugins/plugins';

/** Built in this order; the slowest first. */
export const goPrograms: readonly GoProgram[] = [
  program('kubeadm', 'kubernetes', 'k8s.io/kubernetes/cmd/kubeadm', '/usr/local/bin'),
  program('kubelet', 'kubernetes', 'k8s.io/kubernetes/cmd/kubelet', '/usr/local/bin'),
  program('containerd', 'containerd', `${containerdCommands}/containerd`, '/usr/local/bin'),
  program('containerd-shim-runc-v2', 'containerd', `${containerdCommands}/containerd-shim-runc-v2`, '/usr/local/bin'),
  program('ctr', 'containerd', `${containerdCommands}/ctr`, '/usr/local/bin'),
  program('loopback', 'cni-plugins', `${cniPlugins}/main/loopback`, '/opt/cni/bin'),
  program('bridge', 'cni-plugins', `${cniPlugins}/main/bridge`, '/opt/cni/bin'),
  program('host-local', 'cni-plugins', `${cniPlugins}/ipam/host-local`, '/opt/cni/bin'),
  program('portmap', 'cni-plugins', `${cniPlugins}/meta/portmap`, '/opt/cni/bin'),
  program('etcd', 'etcd-server', 'go.etcd.io/etcd/server/v3'),
  program('etcdctl', 'etcdctl', 'go.etcd.io/etcd/etcdctl/v3'),
  program('etcdutl', 'etcdutl', 'go.etcd.io/etcd/etcdutl/v3'),
];

/**
 * Programs taken from a Debian package as they are. runc needs libc and libseccomp2 of the host; systemd depends on both,
 * so every Debian with systemd has them.
 */
export const debianPrograms = [
  { name: 'runc', package: 'runc', file: 'usr/sbin/runc', install: '/usr/local/sbin/runc' },
] as const;

export interface ImageRecipe {
  /** The last part of the image's name in `kubeadm config images list`. */
  readonly name: string;
  /** Program names and where they are in the image. `pause` is this project's own. */
  readonly programs: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly user?: string;
  /** The empty folders and small files that a program expects of a system. */
  readonly system?: true;
}

export const images: readonly ImageRecipe[] = [
  { name: 'pause', programs: { pause: '/pause' }, entrypoint: ['/pause'], user: '65535:65535' },
  {
    name: 'etcd',
    programs: { etcd: '/usr/local/bin/etcd', etcdctl: '/usr/local/bin/etcdctl', etcdutl: '/usr/local/bin/etcdutl' },
    entrypoint: ['/usr/local/bin/etcd'],
    system: true,
  },
];

/**
 * etcd versions that kubeadm names but that were never published as Go modules, and the release that stands in. The
 * manifest of the bundle says the version that is really inside.
 */
const etcdStandIns: Readonly<Record<string, string>> = { '3.6.6': '3.6.5', '3.6.7': '3.6.5' };

/** Full image names with their tags by the last part of the name: `etcd` is `registry.k8s.io/etcd:3.6.8-0`. */
export type ImageReferences = ReadonlyMap<string, string>;

/** Reads what `kubeadm config images list` prints. */
export function parseImageList(text: string): ImageReferences {
  const references = new Map<string, string>();
  for (const line of text.split('\n')) {
    const name = /^\S+\/([^/:\s]+):[^/:\s]+$/.exec(line.trim())?.[1];
    if (name !== undefined) {
      references.set(name, line.trim());
    }
  }
  return references;
}

/** The full name of an image, which the kubeadm of the bundle must know. */
export function imageReference(references: ImageReferences, name: string): string {
  const reference = references.get(name);
  if (reference === undefined) {
    throw new Error(`kubeadm names no image "${name}"`);
  }
  return reference;
}

/** The version that an image tag stands for: `registry.k8s.io/etcd:3.6.8-0` is 3.6.8. */
export function versionOfReference(reference: string): string {
  const version = /:v?(\d+(?:\.\d+)+)(?:-\d+)?$/.exec(reference)?.[1];
  if (version === undefined) {
    throw new Error(`the image ${reference} has no version as its tag`);
  }
  return version;
}

/** The version of the Go modules of an image, as a module version. */
export function moduleVersionOfReference(reference: string): string {
  const version = versionOfReference(reference);
  return `v${etcdStandIns[version] ?? version}`;
}

function program(name: string, module: keyof typeof goModules, goPackage: string, folder?: string): GoProgram {
  return { name, module, package: goPackage, ...(folder === undefined ? {} : { install: `${folder}/${name}` }) };
}
