import { programOf } from '../desired/bundle.ts';
import { paths } from '../desired/paths.ts';
import type { FileSpec } from '../model/file.ts';
import type { HostId } from '../model/ids.ts';
import { systemctl } from '../ports/commands/services.ts';
import { kubeadmDropIn } from '../render/systemd.ts';
import { factOf, fileChanges, needed } from './compare.ts';
import { must } from './must.ts';
import { noParams } from './params.ts';
import { placeFiles } from './place-files.ts';
import { KUBELET } from './software.ts';
import { type Change, defineStep, type View } from './types.ts';

/** A node's kubelet as kubeadm expects it: enabled, with the drop-in that the packages bring. kubeadm itself configures and starts it. */
export const nodeKubelet = defineStep({
  kind: 'node-kubelet',
  risk: 'safe',
  attempts: 2,
  settleMs: 0,
  parse: noParams,
  title: (_params, on) => `let kubeadm have the kubelet of ${on}`,
  reads: (_params, on) => [
    { on, fact: 'files' },
    { on, fact: 'units' },
  ],
  judge: (_params, view, on) => {
    const files = factOf(view, on, 'files');
    const unit = factOf(view, on, 'units').get(KUBELET);
    const changes: Change[] = nodeKubeletFiles(view, on).flatMap((spec) => fileChanges(files, spec));
    if (unit?.enabled !== true) changes.push({ summary: `enable ${KUBELET}` });
    return needed(changes);
  },
  apply: async (_params, world, view, on) => {
    await placeFiles(world, view, on, nodeKubeletFiles(view, on));
    if (factOf(view, on, 'units').get(KUBELET)?.enabled !== true) await must(world, systemctl('enable', [KUBELET]));
    await must(world, systemctl('daemon-reload'));
  },
});

/** Packages bring their own. */
export function nodeKubeletFiles({ desired: { software } }: View, _on: HostId): FileSpec[] {
  if (software.source !== 'bundle') return [];
  const program = programOf(software.bundle.manifest, 'kubelet')?.install ?? '/usr/local/bin/kubelet';
  return [{ path: paths.kubeadmDropIn, mode: '644', content: kubeadmDropIn(program) }];
}
