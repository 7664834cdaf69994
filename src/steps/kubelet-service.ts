import { programOf } from '../desired/bundle.ts';
import { paths } from '../desired/paths.ts';
import type { FileSpec } from '../model/file.ts';
import type { HostId } from '../model/ids.ts';
import { makeDirectory } from '../ports/commands/files.ts';
import { systemctl } from '../ports/commands/services.ts';
import { isFounded } from '../ports/vault.ts';
import { etcdKubeletConfig } from '../render/kubelet-config.ts';
import { kubeletDropIn } from '../render/systemd.ts';
import { factOf, fileChanges, folderChanges, newerThan } from './compare.ts';
import { must } from './must.ts';
import { noParams } from './params.ts';
import { placeFiles } from './place-files.ts';
import { KUBELET } from './software.ts';
import { type Change, defineStep, type View } from './types.ts';

/**
 * The kubelet as the service manager of etcd's static pod. Restarting it leaves the containers alone, so that this is safe as long as no
 * member depends on it; on a running cluster it is done like any other disturbance, one machine at a time.
 */
export const kubeletService = defineStep({
  kind: 'kubelet-service',
  risk: 'safe',
  attempts: 2,
  settleMs: 60_000,
  parse: noParams,
  title: (_params, on) => `run the kubelet on ${on} as etcd’s service manager`,
  reads: (_params, on) => [
    { on, fact: 'files' },
    { on, fact: 'units' },
    { on, fact: 'tools' },
    { on, fact: 'runtime' },
  ],
  judge: (_params, view, on) => {
    const files = factOf(view, on, 'files');
    const unit = factOf(view, on, 'units').get(KUBELET);
    const changes: Change[] = [
      ...folderChanges(files, paths.manifestDirectory, '700'),
      ...kubeletFiles(view, on).flatMap((spec) => fileChanges(files, spec)),
    ];
    if (unit === undefined || !unit.enabled) changes.push({ summary: `enable ${KUBELET}` });
    if (unit?.active !== 'active') changes.push({ summary: `start ${KUBELET}` });
    else if (changes.length > 0 || stale(view, on))
      changes.push({ summary: `restart ${KUBELET} (etcd keeps running)` });
    if (changes.length === 0) return { is: 'satisfied' };
    return { is: 'needed', changes, risk: isFounded(view.desired.cluster.phase) ? 'disruptive' : 'safe' };
  },
  apply: async (_params, world, view, on) => {
    await must(world, makeDirectory(paths.manifestDirectory, '700'));
    await placeFiles(world, view, on, kubeletFiles(view, on));
    await must(world, systemctl('daemon-reload'));
    await must(world, systemctl('enable', [KUBELET]));
    await must(world, systemctl('restart', [KUBELET]));
  },
});

/** What runs is not what is configured: another drop-in wins, systemd has not read ours, or the process is older than its file. */
function stale(view: View, on: HostId): boolean {
  const files = factOf(view, on, 'files');
  const unit = factOf(view, on, 'units').get(KUBELET);
  if (unit === undefined) return true;
  const written = [paths.kubeletConfig, paths.kubeletDropIn].some((path) => newerThan(files, path, unit.startedAt));
  return written || unit.needsReload || !unit.execStart.includes(`--config=${paths.kubeletConfig}`);
}

export function kubeletFiles(view: View, on: HostId): FileSpec[] {
  const { desired } = view;
  const { software } = desired;
  const program =
    software.source === 'bundle'
      ? (programOf(software.bundle.manifest, 'kubelet')?.install ?? '/usr/local/bin/kubelet')
      : (factOf(view, on, 'tools').get('kubelet')?.path ?? '/usr/bin/kubelet');
  const runtime = factOf(view, on, 'runtime');
  // Until a runtime can be asked: what keelson's own containerd configuration, and every current package, uses with systemd.
  const asked = runtime.is === 'containerd' && software.source !== 'bundle' ? runtime.cgroupDriver : 'systemd';
  return [
    {
      path: paths.kubeletConfig,
      mode: '600',
      content: etcdKubeletConfig({
        cgroupDriver: desired.config.spec.runtime.cgroupDriver ?? asked,
        criEndpoint: desired.criSocket,
        overrides: desired.config.spec.kubelet,
      }),
    },
    { path: paths.kubeletDropIn, mode: '644', content: kubeletDropIn(program, paths.kubeletConfig) },
  ];
}
