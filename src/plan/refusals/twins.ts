import type { HostId } from '../../model/ids.ts';
import { refusal } from '../finding.ts';
import type { PlanRefusal } from './types.ts';

/** One machine under two names would hold two votes. */
export const twins: PlanRefusal = (view) => {
  const seen = new Map<string, HostId>();
  return [...view.facts.hosts].flatMap(([host, facts]) => {
    if (facts.machine.is !== 'known') return [];
    const { machineId } = facts.machine.value;
    const first = seen.get(machineId);
    seen.set(machineId, host);
    return first === undefined
      ? []
      : [
          refusal(
            'safety.twin',
            `${host} and ${first} are one machine, or clones: both have machine-id ${machineId}`,
            host,
          ),
        ];
  });
};
