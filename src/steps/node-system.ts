import { nodeModules, nodeSysctls } from '../desired/node-system.ts';
import { paths } from '../desired/paths.ts';
import type { FileSpec } from '../model/file.ts';
import { applySysctls } from '../ports/commands/kubeadm.ts';
import { factOf, fileChanges, needed } from './compare.ts';
import { must } from './must.ts';
import { noParams } from './params.ts';
import { placeFiles } from './place-files.ts';
import { defineStep, type View } from './types.ts';

/** What a node needs of its kernel, now and after each boot: kubeadm refuses a machine that forwards nothing. */
export const nodeSystem = defineStep({
  kind: 'node-system',
  risk: 'safe',
  attempts: 2,
  settleMs: 0,
  parse: noParams,
  title: (_params, on) => `prepare the kernel of ${on} for pods`,
  reads: (_params, on) => [
    { on, fact: 'files' },
    { on, fact: 'node' },
  ],
  judge: (_params, view, on) => {
    const files = factOf(view, on, 'files');
    const now = factOf(view, on, 'node')?.sysctls ?? new Map<string, string>();
    return needed([
      ...systemFiles(view).flatMap((spec) => fileChanges(files, spec)),
      ...nodeSysctls(view.desired)
        .filter(([name, value]) => now.has(name) && now.get(name) !== value)
        .map(([name, value]) => ({ summary: `set ${name} = ${value}` })),
    ]);
  },
  apply: async (_params, world, view, on) => {
    await placeFiles(world, view, on, systemFiles(view));
    await must(world, applySysctls(nodeModules, nodeSysctls(view.desired)));
  },
});

export function systemFiles(view: View): FileSpec[] {
  const sysctls = nodeSysctls(view.desired).map(([name, value]) => `-${name} = ${value}`);
  return [
    { path: paths.nodeModules, mode: '644', content: `# Written by keelson.\n${nodeModules.join('\n')}\n` },
    { path: paths.nodeSysctls, mode: '644', content: `# Written by keelson.\n${sysctls.join('\n')}\n` },
  ];
}
