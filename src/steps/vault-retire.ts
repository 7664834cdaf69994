import { errorCodes } from '../model/codes.ts';
import { KeelsonError } from '../model/errors.ts';
import { factOf } from './compare.ts';
import { hostsParam } from './params.ts';
import { defineStep } from './types.ts';

/** Puts the vault's records aside when no machine carries the cluster's record any more. They are kept: nothing is deleted. */
export const vaultRetire = defineStep({
  kind: 'vault-retire',
  risk: 'safe',
  attempts: 1,
  settleMs: 0,
  parse: (params) => ({ hosts: hostsParam(params) }),
  title: () => 'put the cluster’s records in the vault aside',
  reads: ({ hosts }) => ['vault', ...hosts.map((on) => ({ on, fact: 'record' as const }))],
  judge: (_params, { facts, desired }) => {
    if (facts.vault.is === 'unknown') throw new Error('the vault is not known');
    return facts.vault.value.is === 'absent'
      ? { is: 'satisfied' }
      : {
          is: 'needed',
          changes: [
            {
              summary: `move the cluster identity, CA and inventory of ${desired.cluster.name} to a folder retired-… of the vault; journals, recipients and host keys stay where they are`,
            },
          ],
        };
  },
  apply: async ({ hosts }, world, view) => {
    const left = hosts.filter((on) => factOf(view, on, 'record').is !== 'absent');
    if (left.length > 0) {
      throw new KeelsonError('internal', `the vault is still needed: ${left.join(', ')} carries the cluster’s record`, {
        action: errorCodes.internal.action,
      });
    }
    world.note(`kept in ${await world.vault.retire()}`);
  },
});
