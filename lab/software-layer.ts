import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { type Bundle, readFinished } from './bundle/manifest.ts';
import { hasStore, makeStore } from './bundle/store.ts';
import { LabError } from './errors.ts';
import { containerdConfig, containerdUnit, kubeadmDropIn, kubeletUnit } from './kubernetes-units.ts';
import { withLock } from './locks.ts';
import { cacheDirectory } from './paths.ts';

/** What preinstalled machines have above the base. */
export interface SoftwareLayer {
  /** An overlay layer with the bundle's programs, their units and containerd's settings. */
  readonly layer: string;
  /** A containerd root folder with the bundle's images. */
  readonly containerdStore: string;
}

const revision = 2;

export async function readBundle(directory: string): Promise<Bundle> {
  const bundle = await readFinished(directory);
  if (bundle !== undefined) return bundle;
  throw new LabError(
    'lab-no-bundle',
    `${directory} is no complete bundle.`,
    'Build one with "npm run bundle", and name its folder.',
  );
}

export async function ensureSoftwareLayer(
  bundleDirectory: string,
  progress: (line: string) => void,
): Promise<SoftwareLayer> {
  const directory = resolve(bundleDirectory);
  const bundle = await readBundle(directory);
  const digest = createHash('sha256')
    .update(JSON.stringify([revision, bundle]))
    .digest('hex')
    .slice(0, 16);
  const parent = join(cacheDirectory(), 'layers');
  const layer = join(parent, digest);
  const containerdStore = storeDirectory(directory, digest);
  if (existsSync(layer) && (await hasStore(containerdStore))) return { layer, containerdStore };
  await withLock(join(parent, '.lock'), async () => {
    removeAbandoned(parent);
    if (!existsSync(layer)) {
      const building = join(parent, `.building-${process.pid}`);
      buildLayer(building, directory, bundle);
      renameSync(building, layer);
    }
    if (await hasStore(containerdStore)) return;
    progress("importing the bundle's images into a containerd store (once)");
    await makeStore(directory, bundle, containerdStore);
  });
  return { layer, containerdStore };
}

/** A bundle that was built into the cache has its store there already, under the same name. */
function storeDirectory(bundleDirectory: string, digest: string): string {
  const cache = cacheDirectory();
  const own = dirname(bundleDirectory) === join(cache, 'bundles');
  return join(cache, 'stores', own ? basename(bundleDirectory) : `bundle-${digest}`);
}

function removeAbandoned(parent: string): void {
  for (const name of readdirSync(parent)) {
    if (name.startsWith('.building-')) rmSync(join(parent, name), { recursive: true, force: true });
  }
}

function buildLayer(root: string, bundleDirectory: string, bundle: Bundle): void {
  const write = (path: string, text: string): void => {
    makeFolder(root, dirname(path));
    writeFileSync(join(root, path), text);
    chmodSync(join(root, path), 0o644);
  };
  makeFolder(root, '/');
  for (const file of bundle.files) {
    const target = mergedPath(file.install);
    makeFolder(root, dirname(target));
    place(join(bundleDirectory, file.path), join(root, target), Number.parseInt(file.mode, 8));
  }
  const program = (name: string): string | undefined => bundle.files.find((file) => file.name === name)?.install;
  const kubelet = program('kubelet');
  if (kubelet !== undefined) {
    write('/usr/lib/systemd/system/kubelet.service', kubeletUnit(kubelet));
    write('/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf', kubeadmDropIn(kubelet));
    write('/etc/default/kubelet', 'KUBELET_EXTRA_ARGS=\n');
    write('/etc/kubernetes/manifests/.kubelet-keep', ''); // the packages keep the folder alive so
  }
  const containerd = program('containerd');
  if (containerd === undefined) return;
  write('/usr/lib/systemd/system/containerd.service', containerdUnit(containerd));
  write(
    '/etc/containerd/config.toml',
    containerdConfig(bundle.images.find(({ name }) => name.includes('/pause:'))?.name),
  );
  const wants = '/etc/systemd/system/multi-user.target.wants';
  makeFolder(root, wants);
  symlinkSync('/usr/lib/systemd/system/containerd.service', join(root, wants, 'containerd.service'));
}

/** Debian's /bin, /sbin and /lib are links into /usr; a folder of that name in a layer would hide them. */
function mergedPath(path: string): string {
  return /^\/(bin|sbin|lib)\//.test(path) ? `/usr${path}` : path;
}

/** Each folder with the mode that Debian gives it: in an overlay the uppermost layer decides. */
function makeFolder(root: string, path: string): void {
  const parts = path.split('/').filter((part) => part !== '');
  for (let depth = 0; depth <= parts.length; depth += 1) {
    const folder = join(root, ...parts.slice(0, depth));
    if (existsSync(folder)) continue;
    mkdirSync(folder);
    chmodSync(folder, 0o755);
  }
}

/** A hard link where it can be one: no space, and one copy in memory for all machines. Nobody writes to a layer. */
function place(source: string, target: string, mode: number): void {
  try {
    if ((statSync(source).mode & 0o7777) === mode) {
      linkSync(source, target);
      return;
    }
  } catch {
    // another file system
  }
  copyFileSync(source, target);
  chmodSync(target, mode);
}
