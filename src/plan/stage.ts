import type { View } from '../steps/types.ts';
import type { Candidate } from './candidates.ts';

/** Steps that are judged together. A later stage is judged on what the earlier ones will have made of the facts. */
export interface Stage {
  view: View;
  candidates: readonly Candidate[];
}
