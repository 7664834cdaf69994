import { paths } from '../desired/paths.ts';
import type { FileSpec } from '../model/file.ts';
import type { HostId } from '../model/ids.ts';
import { apt } from '../ports/commands/software.ts';
import { aptSource } from '../render/apt.ts';
import { factOf, fileChanges, needed, restartRisk } from './compare.ts';
import { must } from './must.ts';
import { noParams } from './params.ts';
import { placeFiles } from './place-files.ts';
import { defineStep, type View } from './types.ts';

/** kubelet, kubeadm and containerd from packages, at the exact version and held there. */
export const packages = defineStep({
  kind: 'packages',
  risk: 'safe',
  attempts: 2,
  settleMs: 5_000,
  parse: noParams,
  title: (_params, on) => `install the Kubernetes packages on ${on}`,
  reads: (_params, on) => [
    { on, fact: 'files' },
    { on, fact: 'tools' },
  ],
  judge: (_params, view, on) => {
    const files = factOf(view, on, 'files');
    const lacking = missing(view, on);
    const check = needed(
      [
        ...sourceFiles(view).flatMap((spec) => fileChanges(files, spec)),
        ...lacking.map((name) => ({ summary: `install ${name}` })),
      ],
      // A package restarts the service that it brings.
      lacking.length > 0 ? restartRisk(view, on) : 'safe',
    );
    return check.is === 'needed' && check.risk === 'disruptive'
      ? { ...check, effect: 'the packages restart the services that they bring; etcd’s container goes on' }
      : check;
  },
  apply: async (_params, world, view, on) => {
    await placeFiles(world, view, on, sourceFiles(view));
    world.note('refreshing the package lists');
    await must(world, apt('update'));
    const names = missing(view, on);
    world.note(`installing ${names.join(', ')}`);
    if (names.length > 0) await must(world, apt('install', names));
  },
});

/** The package's own revision (`-1.1`) is the repository's business. */
function missing(view: View, on: HostId): string[] {
  const tools = factOf(view, on, 'tools');
  const version = view.desired.config.spec.kubernetesVersion.replace(/^v/, '');
  const kubernetes = ['kubelet', 'kubeadm']
    .filter((tool) => tools.get(tool)?.version !== version)
    .map((tool) => `${tool}=${version}-*`);
  return tools.has('containerd') ? kubernetes : [...kubernetes, 'containerd'];
}

export function sourceFiles(view: View): FileSpec[] {
  const { software } = view.desired;
  if (software.source !== 'packages') throw new Error('a package step without packages');
  return [
    { path: paths.aptKey, content: software.repository.signingKey, mode: '644' },
    { path: paths.aptSource, content: aptSource(software.repository.url, paths.aptKey), mode: '644' },
  ];
}
