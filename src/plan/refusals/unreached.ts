import { refusal } from '../finding.ts';
import type { PlanRefusal } from './types.ts';

/** Machines that could not be asked anything, each with its own reason: no route, a wrong key, no login. */
export const unreached: PlanRefusal = (view, intent) => {
  if (intent.kind !== 'apply') return [];
  return view.desired.members.flatMap(({ host }) => {
    const fact = view.facts.hosts.get(host)?.machine;
    if (fact === undefined || fact.is === 'known') return [];
    return [refusal(fact.code ?? 'safety.unknown-fact', fact.because, host)];
  });
};
