import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Bundle } from './bundle/manifest.ts';
import { runBound } from './command.ts';
import { containerdUnit, kubeadmDropIn, kubeletUnit } from './kubernetes-units.ts';
import { withLock } from './locks.ts';
import { cacheDirectory } from './paths.ts';
import { readBundle } from './software-layer.ts';

interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly depends: readonly string[];
  /** Name in the bundle, and where the package puts it. */
  readonly programs: readonly (readonly [name: string, path: string])[];
  readonly files: readonly { readonly path: string; readonly text: string; readonly mode?: number }[];
  readonly conffiles?: readonly string[];
  readonly afterInstall?: string;
}

const reloadUnits = 'if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi\n';
const startContainerd = `deb-systemd-helper enable containerd.service >/dev/null
${reloadUnits}if [ -d /run/systemd/system ]; then deb-systemd-invoke start containerd.service >/dev/null; fi
`;

/**
 * The packages of the Kubernetes repository and containerd's, with contents, dependencies and modes as in the real ones.
 * kubeadm's drop-in belongs to kubeadm, the kubelet's unit has mode 0600 and is not enabled, and the hidden files keep
 * folders alive. Real kubeadm also wants cri-tools, which nothing here needs.
 */
function packagesOf(bundle: Bundle): DebianPackage[] {
  const versionOf = (name: string): string =>
    bundle.files.find((file) => file.name === name)?.version.replace(/^v/, '') ?? '';
  const plugins = bundle.files.filter(({ install }) => install.startsWith('/opt/cni/bin/'));
  const kubernetes = `${bundle.kubernetesVersion.replace(/^v/, '')}-1.1`;
  const units = '/usr/lib/systemd/system';
  return [
    {
      name: 'kubelet',
      version: kubernetes,
      description: 'Node agent for Kubernetes clusters',
      depends: ['kubernetes-cni', 'mount', 'util-linux'],
      programs: [['kubelet', '/usr/bin/kubelet']],
      files: [
        { path: `${units}/kubelet.service`, text: kubeletUnit('/usr/bin/kubelet'), mode: 0o600 },
        { path: '/etc/default/kubelet', text: 'KUBELET_EXTRA_ARGS=\n' },
        { path: '/etc/kubernetes/manifests/.kubelet-keep', text: '' },
        { path: '/var/lib/kubelet/.kubelet-keep', text: '' },
      ],
      conffiles: ['/etc/default/kubelet'],
      afterInstall: reloadUnits,
    },
    {
      name: 'kubeadm',
      version: kubernetes,
      description: 'Command-line utility for administering a Kubernetes cluster',
      depends: [],
      programs: [['kubeadm', '/usr/bin/kubeadm']],
      files: [{ path: `${units}/kubelet.service.d/10-kubeadm.conf`, text: kubeadmDropIn('/usr/bin/kubelet') }],
      afterInstall: reloadUnits,
    },
    {
      name: 'kubernetes-cni',
      version: `${plugins[0]?.version.replace(/^v/, '') ?? '0'}-1.1`,
      description: 'Binaries required to provision container networking',
      depends: [],
      programs: plugins.map(({ name, install }) => [name, install] as const),
      files: [],
    },
    {
      name: 'containerd',
      version: `${versionOf('containerd')}-1`,
      description: 'Open and reliable container runtime',
      depends: ['runc'],
      programs: ['containerd', 'containerd-shim-runc-v2', 'ctr'].map((name) => [name, `/usr/bin/${name}`] as const),
      files: [{ path: `${units}/containerd.service`, text: containerdUnit('/usr/bin/containerd') }],
      afterInstall: startContainerd,
    },
  ];
}

const revision = 1;

/** A folder with the packages and their index (`Packages`), made once for each bundle. */
export async function ensureDebianPackages(bundleDirectory: string, progress: (line: string) => void): Promise<string> {
  const source = resolve(bundleDirectory);
  const bundle = await readBundle(source);
  const recipe = JSON.stringify([revision, bundle, packagesOf(bundle)]);
  const parent = join(cacheDirectory(), 'packages');
  const directory = join(parent, createHash('sha256').update(recipe).digest('hex').slice(0, 16));
  if (existsSync(directory)) return directory;
  await withLock(join(parent, '.lock'), async () => {
    if (existsSync(directory)) return;
    for (const name of readdirSync(parent)) {
      if (name.startsWith('.building-')) rmSync(join(parent, name), { recursive: true, force: true });
    }
    progress("packing the bundle's programs into Debian packages (once)");
    const building = join(parent, `.building-${process.pid}`);
    mkdirSync(building, { recursive: true });
    const entries: string[] = [];
    for (const item of packagesOf(bundle)) entries.push(await pack(item, bundle, source, building));
    writeFileSync(join(building, 'Packages'), `${entries.join('\n')}\n`);
    renameSync(building, directory);
  });
  return directory;
}

/** Makes one package and answers its entry in the index. */
async function pack(item: DebianPackage, bundle: Bundle, source: string, target: string): Promise<string> {
  const tree = join(target, `tree-${item.name}`);
  const put = (path: string): string => {
    const file = join(tree, path);
    mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
    return file;
  };
  for (const [name, path] of item.programs) {
    const program = bundle.files.find((file) => file.name === name);
    if (program === undefined) throw new Error(`the bundle has no ${name} for the package ${item.name}`);
    copyFileSync(join(source, program.path), put(path));
    chmodSync(join(tree, path), 0o755);
  }
  for (const { path, text, mode = 0o644 } of item.files) {
    writeFileSync(put(path), text);
    chmodSync(join(tree, path), mode);
  }
  const control = controlOf(item, bundle);
  writeFileSync(put('DEBIAN/control'), control);
  if (item.conffiles !== undefined) writeFileSync(put('DEBIAN/conffiles'), `${item.conffiles.join('\n')}\n`);
  if (item.afterInstall !== undefined) {
    const script = `#!/bin/sh\nset -e\n[ "$1" = configure ] || exit 0\n${item.afterInstall}`;
    writeFileSync(put('DEBIAN/postinst'), script, { mode: 0o755 });
  }
  const fileName = `${item.name}_${item.version}_${bundle.architecture}.deb`;
  const file = join(target, fileName);
  // Uncompressed: it is read from memory over a bridge, and packing would take longer than everything else.
  await runBound(['dpkg-deb', '--root-owner-group', '-Znone', '--build', tree, file]);
  rmSync(tree, { recursive: true });
  return `${control}Filename: ./${fileName}\nSize: ${statSync(file).size}\nSHA256: ${await sha256(file)}\n`;
}

function controlOf(item: DebianPackage, bundle: Bundle): string {
  const fields = [
    ['Package', item.name],
    ['Version', item.version],
    ['Architecture', bundle.architecture],
    ['Maintainer', 'keelson test lab <lab@keelson.invalid>'],
    ['Section', 'admin'],
    ['Priority', 'optional'],
    ['Depends', item.depends.join(', ')],
    ['Description', item.description],
  ];
  return fields
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('');
}

export async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
