import { isFounded } from '../../ports/vault.ts';
import { damageElsewhere } from '../../steps/certificate-problems.ts';
import { memberHealth } from '../../steps/etcd-member.ts';
import { refusal } from '../finding.ts';
import type { SafetyRule } from '../types.ts';
import { endsMember } from './ends-member.ts';

/** A healthy member is disturbed only while all others are healthy; an ill one may be mended while another is ill. */
export const othersHealthy: SafetyRule = (step, view) => {
  if (endsMember(step) || !isFounded(view.desired.cluster.phase) || memberHealth(view, step.on) !== null) return [];
  return view.desired.members
    .filter((m) => m.host !== step.on)
    .flatMap((m) => {
      const why = memberHealth(view, m.host);
      if (why === null) return [];
      const cause = `${why}${damageElsewhere(view, m.host)}`;
      return [refusal('safety.others-unhealthy', `“${step.title}” while ${m.name} is not healthy: ${cause}`, step.on)];
    });
};
