import type { Finding } from '../../model/finding.ts';
import type { View } from '../../steps/types.ts';
import type { Intent } from '../types.ts';
import { changes } from './changes.ts';
import { clusterChanges } from './cluster-changes.ts';
import { foreignNodes } from './foreign-nodes.ts';
import { founding } from './founding.ts';
import { lostData } from './lost-data.ts';
import { ownership } from './ownership.ts';
import { reset } from './reset.ts';
import { restartFounding } from './restart-founding.ts';
import { twins } from './twins.ts';
import type { PlanRefusal } from './types.ts';
import { unreached } from './unreached.ts';
import { vault } from './vault.ts';

const refusals: readonly PlanRefusal[] = [
  twins,
  ownership,
  foreignNodes,
  founding,
  restartFounding,
  lostData,
  changes,
  clusterChanges,
  reset,
];

export function planRefusals(view: View, intent: Intent): readonly Finding[] {
  const sealed = vault(view, intent);
  if (sealed.length > 0) return sealed;
  // Of a machine that could not be asked there is only one thing to say: what else is not known of it would be its shadow.
  const away = unreached(view, intent);
  const hosts = new Set(away.map((f) => f.host));
  const others = refusals.flatMap((ask) => ask(view, intent));
  return [...away, ...others.filter((f) => f.code !== 'safety.unknown-fact' || !hosts.has(f.host))];
}
