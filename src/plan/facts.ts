import type { FactRef } from '../facts/types.ts';
import type { Finding } from '../model/finding.ts';
import type { HostId } from '../model/ids.ts';
import { OPERATOR } from '../model/ids.ts';
import type { View } from '../steps/types.ts';
import { refusal } from './finding.ts';

/** The first fact that is not known, as a refusal: unknown is not absent. Without a vault its fact is known to be absent. */
export function factProblem(refs: readonly FactRef[], view: View, on: HostId): Finding | null {
  for (const ref of refs) {
    const fact = typeof ref === 'string' ? view.facts[ref] : view.facts.hosts.get(ref.on)?.[ref.fact];
    if (fact?.is === 'known') continue;
    const name = typeof ref === 'string' ? ref : `${ref.fact} of ${ref.on}`;
    return refusal(
      'safety.unknown-fact',
      `${name} could not be read: ${fact?.because ?? 'nobody asked'}`,
      on === OPERATOR ? undefined : on,
    );
  }
  return null;
}
