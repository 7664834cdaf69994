import { configDigest } from '../config/digest.ts';
import { parseCertificate } from '../model/x509.ts';
import type { Inventory } from '../ports/vault.ts';
import { factOf, needed } from './compare.ts';
import { noParams } from './params.ts';
import { type Change, defineStep, type View } from './types.ts';

/** Records what was applied: later changes that keelson cannot make yet are recognised against it. */
export const inventory = defineStep({
  kind: 'inventory',
  risk: 'safe',
  attempts: 1,
  settleMs: 0,
  parse: noParams,
  title: () => 'record in the vault what was applied',
  reads: () => ['vault'],
  judge: (_params, view) => {
    const { vault } = view.facts;
    if (vault.is === 'unknown' || vault.value.is !== 'open')
      return needed([{ summary: 'record machines and settings' }]);
    const old = vault.value.inventory;
    if (old === undefined) return needed([{ summary: 'record machines and settings' }]);
    const changes: Change[] = [];
    if (old.configDigest !== configDigest(view.desired.config))
      changes.push({ summary: 'record the changed configuration' });
    for (const { id } of view.desired.machines) {
      const fact = view.facts.hosts.get(id)?.machine;
      const known = old.hosts.find((h) => h.name === id);
      if (fact?.is === 'known' && known?.machineId !== fact.value.machineId)
        changes.push({ summary: `record the machine of ${id}` });
    }
    return needed(changes);
  },
  apply: async (_params, world, view) => {
    const wanted = inventoryOf(view, world.clock.now().toISOString());
    await world.vault.saveInventory(wanted);
  },
});

function inventoryOf(view: View, appliedAt: string): Inventory {
  const { desired } = view;
  const { spec } = desired.config;
  return {
    clusterUid: desired.cluster.uid ?? '',
    appliedAt,
    configDigest: configDigest(desired.config),
    kubernetesVersion: spec.kubernetesVersion,
    hosts: desired.machines.map(({ id, address, role }) => ({
      name: id,
      address,
      machineId: factOf(view, id, 'machine').machineId,
      roles: [role],
    })),
    ports: spec.etcd.ports,
    dataDir: spec.etcd.dataDir,
    algorithm: spec.pki.algorithm,
    caFingerprint256: desired.caCertificate === null ? '' : parseCertificate(desired.caCertificate).fingerprint256,
  };
}
