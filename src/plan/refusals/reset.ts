import type { ErrorCode } from '../../model/codes.ts';
import type { Finding } from '../../model/finding.ts';
import type { HostId } from '../../model/ids.ts';
import { resetProblem } from '../../steps/reset-problem.ts';
import type { View } from '../../steps/types.ts';
import { refusal } from '../finding.ts';
import type { PlanRefusal } from './types.ts';

/** One machine that may not be reset refuses the whole: nothing is removed anywhere before a person has looked. */
export const reset: PlanRefusal = (view, intent) => {
  if (intent.kind !== 'reset') return [];
  const scope = intent.scope === 'cluster' ? 'cluster' : 'host';
  return intent.hosts.flatMap((on): Finding[] => {
    const unknown = unknownFact(view, on, intent.scope);
    if (unknown !== null) return [unknown];
    // A current member is refused whether or not it carries a record.
    const problem = resetProblem(view, on, scope);
    return problem === null ? [] : [problem];
  });
};

/** A machine that shows another key, or refuses the login, is there. */
const MAY_BE_GONE: readonly ErrorCode[] = ['safety.unknown-fact', 'host.unreachable', 'host.timeout'];

/** A machine that was not reached may hold anything. */
function unknownFact(view: View, on: HostId, scope: 'cluster' | 'hosts'): Finding | null {
  const facts = view.facts.hosts.get(on);
  for (const name of ['record', 'machine', 'files'] as const) {
    const fact = facts?.[name];
    if (fact?.is === 'known') continue;
    const because = fact?.because ?? 'nobody asked';
    const code = fact?.code ?? 'safety.unknown-fact';
    const finding = refusal(code, `what is on ${on} could not be read: ${because}`, on);
    if (scope === 'hosts' || !MAY_BE_GONE.includes(code)) return finding;
    return { ...finding, action: `Bring the machine back, or leave it out with --except ${on}; the vault then stays.` };
  }
  return null;
}
