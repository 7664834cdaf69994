import { goDurationSeconds } from '../config/duration.ts';
import { etcdCa } from '../desired/certificates.ts';
import { noParams } from './params.ts';
import { type Change, defineStep } from './types.ts';

/** Makes what the cluster is known by, and the authority that its members trust. Both live in the vault alone. */
export const clusterIdentity = defineStep({
  kind: 'cluster-identity',
  risk: 'safe',
  attempts: 1,
  settleMs: 0,
  parse: noParams,
  title: () => 'make the cluster’s identity and the etcd CA in the vault',
  reads: () => ['vault'],
  judge: (_params, { facts, desired }) => {
    if (facts.vault.is === 'unknown') throw new Error('the vault is not known');
    const vault = facts.vault.value;
    if (vault.is === 'sealed') {
      return {
        is: 'blocked',
        finding: {
          code: vault.code,
          severity: 'error',
          message: vault.because,
          action: 'Put the age identity back, or name it with --identity.',
        },
      };
    }
    if (vault.is === 'open' && vault.caCertificate !== undefined && !vault.hasCaKey) {
      return {
        is: 'blocked',
        finding: {
          code: 'vault.ca-key-missing',
          severity: 'error',
          message: 'the vault holds the CA’s certificate but not its key, so that no certificate can be issued',
          action: 'Restore etcd-ca.key.age from the vault’s backup.',
        },
      };
    }
    const changes: Change[] = [];
    if (vault.is === 'absent')
      changes.push({
        summary: `create the vault of cluster ${desired.cluster.name}, with a unique etcd cluster token`,
      });
    if (vault.is === 'absent' || !vault.hasCaKey) {
      const { algorithm, caValidity, ca } = desired.config.spec.pki;
      changes.push({
        summary:
          ca === undefined
            ? `create CA etcd-ca (${algorithm}, valid for ${caValidity}), its key sealed`
            : 'seal the CA that the configuration names',
      });
    }
    return changes.length === 0 ? { is: 'satisfied' } : { is: 'needed', changes };
  },
  apply: async (_params, world, { desired, facts }) => {
    const { pki } = desired.config.spec;
    if (facts.vault.is === 'known' && facts.vault.value.is === 'absent') {
      const clusterUid = world.random.uuid();
      const created = await world.vault.create({
        clusterUid,
        clusterToken: `${desired.cluster.name}-${world.random.hex(8)}`,
        createdAt: world.clock.now().toISOString(),
        etcd: { phase: 'new' },
      });
      if (created.identityMade !== null)
        world.note(
          `made the age identity ${created.identityMade}: keep a copy of it, without it the vault cannot be opened`,
        );
    }
    const state = await world.vault.read();
    if (state.is === 'open' && state.hasCaKey) return;
    const ca =
      pki.ca === undefined
        ? await world.pki.createCa({
            commonName: etcdCa.commonName,
            algorithm: pki.algorithm,
            validitySeconds: goDurationSeconds(pki.caValidity),
          })
        : await world.pki.loadCa(pki.ca);
    await world.vault.storeEtcdCa(ca);
  },
});

/** From here on members may have been started: a machine with data is then ours, or nobody's to take. */
export const foundingBegins = defineStep({
  kind: 'founding-begins',
  risk: 'safe',
  attempts: 1,
  settleMs: 0,
  parse: noParams,
  title: () => 'record in the vault that the founding begins',
  reads: () => ['vault'],
  judge: (_params, { desired }) =>
    desired.cluster.phase === 'new'
      ? { is: 'needed', changes: [{ summary: 'cluster: new -> founding' }] }
      : { is: 'satisfied' },
  apply: (_params, world) => world.vault.updateEtcd({ phase: 'founding' }),
});
