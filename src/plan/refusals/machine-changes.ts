import type { DesiredMachine } from '../../desired/types.ts';
import type { Finding } from '../../model/finding.ts';
import type { InventoryHost } from '../../ports/vault.ts';
import { refusal } from '../finding.ts';

/** Workers join whenever they are there; any other change of the machines is an operation of its own. */
export function machineChanges(before: readonly InventoryHost[], machines: readonly DesiredMachine[]): Finding[] {
  const known = new Map(before.map((host) => [host.name, host]));
  const listed = new Set(machines.map(({ id }) => id));
  const added = machines.filter(({ id }) => !known.has(id));
  const found: Finding[] = [];
  if (before.some(({ name }) => !listed.has(name)) || added.some(({ role }) => role !== 'worker')) {
    const names = (ids: readonly string[]): string => ids.toSorted().join(', ');
    const message = `the cluster’s machines are ${names([...known.keys()])}; cluster.yaml lists ${names([...listed])}`;
    found.push(refusal('change.hosts', message));
  }
  for (const { id, role, address } of machines) {
    const old = known.get(id);
    if (old === undefined) continue;
    if (!old.roles.includes(role)) {
      const message = `${id} has the role ${old.roles.join(', ')}; cluster.yaml gives it the role ${role}`;
      found.push(refusal('change.hosts', message, id));
    }
    if (old.address !== address) {
      const message = `${id} has the address ${old.address}; cluster.yaml says ${address}`;
      found.push(refusal('change.address', message, id));
    }
  }
  return found;
}
