import type { Role } from '../config/schema.ts';
import { type Bundle, programOf, sandboxImageOf } from '../desired/bundle.ts';
import { paths, socketPath } from '../desired/paths.ts';
import type { FileSpec } from '../model/file.ts';
import type { HostId } from '../model/ids.ts';
import { makeDirectory, removePaths } from '../ports/commands/files.ts';
import { systemctl } from '../ports/commands/services.ts';
import { importImage } from '../ports/commands/software.ts';
import { containerdConfig } from '../render/containerd-config.ts';
import { containerdUnit, kubeletUnit } from '../render/systemd.ts';
import { factOf, fileChanges, needed, newerThan, restartRisk } from './compare.ts';
import { must } from './must.ts';
import { noParams } from './params.ts';
import { placeFiles } from './place-files.ts';
import { type Change, defineStep, type View } from './types.ts';

function bundleOf(view: View): Bundle {
  if (view.desired.software.source !== 'bundle') throw new Error('a bundle step without a bundle');
  return view.desired.software.bundle;
}

/** Nobody's service runs it, and it runs for a moment only. */
const STARTED_BY_NOBODY = 'kubeadm';

/**
 * Places the bundle's programs: kubelet, kubeadm, containerd, runc, CNI plug-ins. Under a running member that is a disturbance: the next
 * start of the service, or of a container, is another program's.
 */
export const bundlePrograms = defineStep({
  kind: 'bundle-programs',
  risk: 'safe',
  attempts: 2,
  settleMs: 0,
  parse: noParams,
  title: (_params, on) => `place the bundle’s programs on ${on}`,
  reads: (_params, on) => [{ on, fact: 'artefacts' }],
  judge: (_params, view, on) => {
    const placed = factOf(view, on, 'artefacts');
    const missing = bundleOf(view).manifest.files.filter((f) => placed.get(f.install) !== f.sha256);
    const check = needed(
      missing.map((f) => ({
        summary: `place ${f.install} (${f.name} ${f.version}, ${Math.ceil(f.sizeBytes / 1e6)} MB)`,
      })),
      missing.some((f) => f.name !== STARTED_BY_NOBODY) ? restartRisk(view, on) : 'safe',
    );
    return check.is === 'needed' && check.risk === 'disruptive'
      ? {
          ...check,
          effect: 'nothing is restarted now; the next start of a service, or of a container, takes the new program',
        }
      : check;
  },
  apply: async (_params, world, view, on) => {
    const { directory, manifest } = bundleOf(view);
    const placed = factOf(view, on, 'artefacts');
    const missing = manifest.files.filter((f) => placed.get(f.install) !== f.sha256);
    for (const [n, file] of missing.entries()) {
      world.note(`${file.name} ${file.version} (${n + 1} of ${missing.length})`);
      await world.host.putArtefact(
        {
          source: `${directory}/${file.path}`,
          path: file.install,
          mode: file.mode.replace(/^0/, ''),
          sha256: file.sha256,
          sizeBytes: file.sizeBytes,
        },
        world.signal,
      );
    }
  },
});

export const CONTAINERD = 'containerd.service';
export const KUBELET = 'kubelet.service';

/**
 * containerd as a service, with the systemd cgroup driver and the bundle's sandbox image. A restart leaves the containers alone; while it
 * lasts no probe is answered and nothing is started again, so that under a running member it is done one machine at a time.
 */
export const containerRuntime = defineStep({
  kind: 'container-runtime',
  risk: 'safe',
  attempts: 2,
  settleMs: 60_000,
  parse: noParams,
  title: (_params, on) => `run containerd on ${on}`,
  reads: (_params, on) => [
    { on, fact: 'machine' },
    { on, fact: 'files' },
    { on, fact: 'units' },
  ],
  judge: (_params, view, on) => {
    const files = factOf(view, on, 'files');
    const unit = factOf(view, on, 'units').get(CONTAINERD);
    const changes: Change[] = runtimeFiles(view, on).flatMap((spec) => fileChanges(files, spec));
    if (unit === undefined || !unit.enabled) changes.push({ summary: `enable ${CONTAINERD}` });
    if (unit?.active !== 'active') changes.push({ summary: `start ${CONTAINERD}` });
    else if (changes.length > 0 || unit.needsReload || newerThan(files, paths.containerdConfig, unit.startedAt)) {
      changes.push({ summary: `restart ${CONTAINERD} (containers keep running)` });
    }
    return needed(changes, restartRisk(view, on));
  },
  apply: async (_params, world, view, on) => {
    await placeFiles(world, view, on, runtimeFiles(view, on));
    if (factOf(view, on, 'units').get(CONTAINERD)?.enabled !== true)
      await must(world, systemctl('enable', [CONTAINERD]));
    await must(world, systemctl('daemon-reload'));
    await must(world, systemctl('restart', [CONTAINERD]));
  },
});

export function runtimeFiles(view: View, on: HostId): FileSpec[] {
  const { manifest } = bundleOf(view);
  return [
    {
      path: paths.containerdConfig,
      mode: '644',
      content: containerdConfig({
        sandboxImage: sandboxImageOf(manifest) ?? '',
        runc: programOf(manifest, 'runc')?.install ?? 'runc',
        mayLowerOomScore: factOf(view, on, 'machine').mayLowerOomScore,
      }),
    },
    {
      path: paths.containerdUnit,
      mode: '644',
      content: containerdUnit(programOf(manifest, 'containerd')?.install ?? '/usr/local/bin/containerd'),
    },
    {
      path: paths.kubeletUnit,
      mode: '644',
      content: kubeletUnit(programOf(manifest, 'kubelet')?.install ?? '/usr/local/bin/kubelet'),
    },
  ];
}

/** Those of the bundle's images that run on this machine. */
function imagesOf({ desired }: View, on: HostId, { manifest }: Bundle): Bundle['manifest']['images'] {
  const role = desired.machines.find((machine) => machine.id === on)?.role ?? 'etcd';
  return manifest.images.filter((image) => runsOn(imageName(image.name), role, desired.config.spec.etcd.topology));
}

const CONTROL_PLANE = new Set(['kube-apiserver', 'kube-controller-manager', 'kube-scheduler']);

function runsOn(image: string, role: Role, topology: 'external' | 'stacked'): boolean {
  if (image === 'pause') return true;
  if (role === 'etcd') return image === 'etcd';
  if (image === 'etcd') return role === 'control-plane' && topology === 'stacked';
  return role === 'control-plane' || !CONTROL_PLANE.has(image);
}

/** `kube-proxy` of `registry.k8s.io/kube-proxy:v1.36.3`. */
function imageName(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1).replace(/[:@].*$/, '');
}

/** Imports the images of etcd and of the pod sandbox; on a node those of all that runs there. */
export const bundleImages = defineStep({
  kind: 'bundle-images',
  risk: 'safe',
  attempts: 2,
  settleMs: 10_000,
  parse: noParams,
  title: (_params, on) => `import the bundle’s images on ${on}`,
  reads: (_params, on) => [
    { on, fact: 'images' },
    { on, fact: 'files' },
  ],
  judge: (_params, view, on) => {
    const present = factOf(view, on, 'images') ?? [];
    const missing = imagesOf(view, on, bundleOf(view)).filter((image) => !present.includes(image.name));
    const archives = factOf(view, on, 'files').at.get(paths.imageDirectory);
    const leftover = archives !== undefined && archives.is !== 'absent';
    return needed([
      ...missing.map((image) => ({ summary: `import ${image.name} (${Math.ceil(image.sizeBytes / 1e6)} MB)` })),
      ...(leftover ? [{ summary: `remove ${paths.imageDirectory}, left by an interrupted run` }] : []),
    ]);
  },
  apply: async (_params, world, view, on) => {
    const bundle = bundleOf(view);
    const present = factOf(view, on, 'images') ?? [];
    await must(world, makeDirectory(paths.imageDirectory, '700'));
    for (const image of imagesOf(view, on, bundle)) {
      if (present.includes(image.name)) continue;
      const path = `${paths.imageDirectory}/${image.sha256}.tar`;
      world.note(image.name);
      await world.host.putArtefact(
        {
          source: `${bundle.directory}/${image.path}`,
          path,
          mode: '600',
          sha256: image.sha256,
          sizeBytes: image.sizeBytes,
        },
        world.signal,
      );
      await must(world, importImage(socketPath(view.desired.criSocket), path));
    }
    await must(world, removePaths([paths.imageDirectory]));
  },
});
