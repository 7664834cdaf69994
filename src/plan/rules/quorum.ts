import { isFounded } from '../../ports/vault.ts';
import { refusal } from '../finding.ts';
import { quorumMargin } from '../quorum.ts';
import type { SafetyRule } from '../types.ts';

/** Healthy voters without this machine still make a quorum, measured just before. */
export const quorum: SafetyRule = (step, view) => {
  if (!isFounded(view.desired.cluster.phase)) return [];
  const { stay, need } = quorumMargin(view, step.on);
  if (stay >= need) return [];
  return [
    refusal('safety.quorum', `“${step.title}” would leave ${stay} healthy voters; the quorum is ${need}`, step.on),
  ];
};
