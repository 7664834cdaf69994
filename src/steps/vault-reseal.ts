import { noParams } from './params.ts';
import { defineStep } from './types.ts';

/**
 * Seals the vault again when cluster.yaml names other recipients. Who seals can always open it afterwards, because the own identity is a
 * recipient whether the list names it or not. Nobody else is taken out unless the list is everybody's: it then names the own identity, too.
 */
export const vaultReseal = defineStep({
  kind: 'vault-reseal',
  risk: 'safe',
  attempts: 2,
  settleMs: 0,
  parse: noParams,
  title: () => 'seal the vault to the recipients of cluster.yaml',
  reads: () => ['vault'],
  judge: (_params, { facts }) => {
    if (facts.vault.is === 'unknown') throw new Error('the vault is not known');
    const vault = facts.vault.value;
    if (vault.is !== 'open' || vault.reseal === null) return { is: 'satisfied' };
    const { add, remove, own, listed } = vault.reseal;
    if (remove.length > 0 && !listed) {
      return {
        is: 'blocked',
        finding: {
          code: 'vault.recipients-unclear',
          severity: 'error',
          message: `the vault can be opened by ${remove.join(', ')}, and spec.vault.recipients names neither that nor your own identity: whether the list is meant to be everybody is not known`,
          action: `To take ${remove.length === 1 ? 'it' : 'them'} out, name your own identity in spec.vault.recipients, too: ${own[0] ?? ''}. Else name ${remove.length === 1 ? 'it' : 'them'} again.`,
        },
      };
    }
    return {
      is: 'needed',
      changes: [
        ...add.map((recipient) => ({ summary: `let ${recipient} open the vault` })),
        ...remove.map((recipient) => ({
          summary: `${recipient} can no longer open the vault; old copies of it stay open`,
        })),
        { summary: 'seal the CA’s key and the cluster’s identity again' },
      ],
    };
  },
  apply: (_params, world) => world.vault.reseal(),
});
