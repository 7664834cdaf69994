import { refusal } from '../finding.ts';
import type { PlanRefusal } from './types.ts';

/** A machine of another cluster, or another machine under a known name, is refused before anything is written. */
export const ownership: PlanRefusal = (view, intent) => {
  // A reset asks this of its own machines, members or not.
  if (intent.kind !== 'apply') return [];
  const { cluster } = view.desired;
  return view.desired.machines.flatMap(({ id: host }) => {
    const facts = view.facts.hosts.get(host);
    if (facts?.record.is !== 'known' || facts.record.value.is === 'absent') return [];
    if (facts.record.value.is === 'unreadable')
      return [
        refusal(
          'safety.foreign-host',
          `${host} carries a host record that cannot be read: ${facts.record.value.why}`,
          host,
        ),
      ];
    const { record } = facts.record.value;
    const whose = `cluster ${record.clusterName} (${record.clusterUid})`;
    if (cluster.uid === null)
      return [
        refusal('safety.vault-lost', `${host} belongs to ${whose}, and there is no vault here that knows it`, host),
      ];
    if (record.clusterUid !== cluster.uid)
      return [
        refusal('safety.foreign-host', `${host} belongs to ${whose}, not to ${cluster.name} (${cluster.uid})`, host),
      ];
    if (record.host !== host) return [refusal('safety.machine-id', `${host} is recorded as ${record.host}`, host)];
    const machineId = facts.machine.is === 'known' ? facts.machine.value.machineId : record.machineId;
    if (machineId !== record.machineId)
      return [refusal('safety.machine-id', `${host} was machine ${record.machineId} and is now ${machineId}`, host)];
    return [];
  });
};
