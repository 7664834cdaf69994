import type { View } from '../steps/types.ts';

/**
 * cluster.yaml names another data directory than the one that was applied last: what lies in the one that is looked at says nothing of the
 * members' data.
 */
export function dataDirChanged({ desired, facts }: View): boolean {
  const { vault } = facts;
  const inventory = vault.is === 'known' && vault.value.is !== 'absent' ? vault.value.inventory : undefined;
  return inventory !== undefined && inventory.dataDir !== desired.config.spec.etcd.dataDir;
}
