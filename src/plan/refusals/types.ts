import type { Finding } from '../../model/finding.ts';
import type { View } from '../../steps/types.ts';
import type { Intent } from '../types.ts';

/** Why a whole plan is refused, whatever its steps. One reason, one file. */
export type PlanRefusal = (view: View, intent: Intent) => readonly Finding[];
