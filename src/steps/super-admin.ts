import { removePaths } from '../ports/commands/files.ts';
import { factOf } from './compare.ts';
import { clusterOf } from './kubeadm-join.ts';
import { must } from './must.ts';
import { noParams } from './params.ts';
import { type Check, defineStep } from './types.ts';

const FILE = '/etc/kubernetes/super-admin.conf';

/**
 * The kubeconfig above all RBAC that kubeadm leaves where the cluster begins: nothing needs it once admin.conf has its rights. It is not kept:
 * `keelson kubeconfig --super-admin` makes another at any time, and so does a repeated `kubeadm init`, which finds none (docs/adr/0016).
 */
export const superAdminRemoved = defineStep({
  kind: 'super-admin-removed',
  risk: 'safe',
  attempts: 2,
  settleMs: 0,
  parse: noParams,
  title: (_params, on) => `take super-admin.conf away from ${on}`,
  reads: (_params, on) => [{ on, fact: 'node' }, 'kube'],
  judge: (_params, view, on): Check => {
    const state = factOf(view, on, 'node');
    // Without the binding it is all that kubeadm could begin again with; the step that ends its init comes before this one.
    const isWhole = clusterOf(view)?.lacking.length === 0;
    if (isWhole && state?.kubeconfigs.has('super-admin') !== true) return { is: 'satisfied' };
    // A static pod of somebody else's that reads it would not start again.
    if (isWhole && (state?.superAdminUsers.size ?? 0) > 0) return { is: 'satisfied' };
    return { is: 'needed', changes: [{ summary: `remove ${FILE}` }] };
  },
  apply: async (_params, world) => {
    await must(world, removePaths([FILE]));
  },
});
