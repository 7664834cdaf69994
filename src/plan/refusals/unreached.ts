import { isFounded } from '../../ports/vault.ts';
import { refusal } from '../finding.ts';
import type { PlanRefusal } from './types.ts';

/** Machines that could not be asked anything, each with its own reason: no route, a wrong key, no login. */
export const unreached: PlanRefusal = ({ desired, facts }, intent) => {
  if (intent.kind !== 'apply') return [];
  const goesOn = isFounded(desired.cluster.phase) ? 'The members that are up go on without it. ' : '';
  return desired.machines.flatMap(({ id: host }) => {
    const fact = facts.hosts.get(host)?.machine;
    if (fact === undefined || fact.is === 'known') return [];
    const found = refusal(fact.code ?? 'safety.unknown-fact', fact.because, host);
    if (fact.code !== 'host.unreachable') return [found];
    // Where the machine is merely away, the refusal itself surprises people.
    const refuses =
      'apply refuses while a machine is away, because it cannot know what it would disturb: bring it back with its disk, then plan again.';
    return [{ ...found, action: `${found.action} ${goesOn}${refuses}` }];
  });
};
