/**
 * What a bundle is made of, as tables, and here the bundle for etcd machines; `cluster-recipe.ts` adds what a whole cluster
 * needs. A further program is one row of the programs, a further image one row of the images.
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
  /** Its C code is compiled too and everything is linked statically, for which the computer needs a C compiler. */
  readonly cgo?: true;
}

export interface GoProgram {
  readonly name: string;
  /** The name of a module in the same recipe. */
  readonly module: string;
  readonly package: string;
  /** Absolute path on a host; without it the program is only for an image. */
  readonly install?: string;
}

const goModules = {
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
const goPrograms: readonly GoProgram[] = [
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
const debianPrograms: readonly DebianProgram[] = [
  { name: 'runc', package: 'runc', file: 'usr/sbin/runc', install: '/usr/local/sbin/runc' },
];

export interface DebianProgram {
  readonly name: string;
  readonly package: string;
  /** Where it is in the package. */
  readonly file: string;
  readonly install: string;
}

export interface ImageRecipe {
  /** The last part of the image's name in `kubeadm config images list`, unless the whole name is given. */
  readonly name: string;
  /** The whole name of an image that kubeadm does not know. */
  readonly reference?: string;
  /** Program names and where they are in the image. `pause` is this project's own. */
  readonly programs: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly user?: string;
  /** The empty folders and small files that a program expects of a system. */
  readonly system?: true;
  /** What comes from the lab's base file system, with all libraries. */
  readonly base?: BaseFiles;
}

export interface BaseFiles {
  /** Absolute paths, which are the same in the image. */
  readonly programs: readonly string[];
  /** Folders of plug-ins below the folder of the libraries: programs load these when they need them. */
  readonly plugins: readonly string[];
  /** Other names, by absolute path, and where they lead. */
  readonly links: Readonly<Record<string, string>>;
}

const images: readonly ImageRecipe[] = [
  { name: 'pause', programs: { pause: '/pause' }, entrypoint: ['/pause'], user: '65535:65535' },
  {
    name: 'etcd',
    programs: { etcd: '/usr/local/bin/etcd', etcdctl: '/usr/local/bin/etcdctl', etcdutl: '/usr/local/bin/etcdutl' },
    entrypoint: ['/usr/local/bin/etcd'],
    system: true,
  },
];

export interface Recipe {
  readonly goModules: Readonly<Record<string, GoModule>>;
  /** Built in this order. */
  readonly goPrograms: readonly GoProgram[];
  readonly debianPrograms: readonly DebianProgram[];
  readonly images: readonly ImageRecipe[];
}

/** In this order the tables are part of the bundle's digest. */
export const etcdRecipe = { goModules, goPrograms, debianPrograms, images } satisfies Recipe;

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

/** The full name of an image, which the kubeadm of the bundle must know unless the recipe gives it. */
export function imageReference(references: ImageReferences, name: string, given?: string): string {
  const reference = given ?? references.get(name);
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

export function program(name: string, module: string, goPackage: string, folder?: string): GoProgram {
  return { name, module, package: goPackage, ...(folder === undefined ? {} : { install: `${folder}/${name}` }) };
}
