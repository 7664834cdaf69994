import type { Finding } from '../../model/finding.ts';
import type { View } from '../../steps/types.ts';
import type { Intent } from '../types.ts';
import { changes } from './changes.ts';
import { founding } from './founding.ts';
import { lostData } from './lost-data.ts';
import { ownership } from './ownership.ts';
import { reset } from './reset.ts';
import { restartFounding } from './restart-founding.ts';
import { twins } from './twins.ts';
import type { PlanRefusal } from './types.ts';
import { unreached } from './unreached.ts';
import { vault } from './vault.ts';

const refusals: readonly PlanRefusal[] = [twins, ownership, founding, restartFounding, lostData, changes, reset];

export function planRefusals(view: View, intent: Intent): readonly Finding[] {
  // What nobody could ask about has only one thing to say: all else would be its shadow.
  for (const ask of [vault, unreached]) {
    const found = ask(view, intent);
    if (found.length > 0) return found;
  }
  return refusals.flatMap((ask) => ask(view, intent));
}
