import type { SafetyRule } from '../types.ts';
import { clusterId } from './cluster-id.ts';
import { dataGone } from './data-gone.ts';
import { othersHealthy } from './others-healthy.ts';
import { quorum } from './quorum.ts';

/** Asked while planning and again, on fresh facts, before every step that is not safe. */
export const safetyRules: readonly SafetyRule[] = [clusterId, dataGone, quorum, othersHealthy];
