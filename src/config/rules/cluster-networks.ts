import { type ConfigDraft, valueOr } from '../draft.ts';
import { networkDefaults } from '../network.ts';
import { type Prefix, parsePrefix } from '../prefix.ts';

export interface ClusterNetwork {
  name: 'podSubnet' | 'serviceSubnet';
  text: string;
  prefix: Prefix;
}

/** The networks inside the cluster, as given or by default; one that is wrong by itself is left out. */
export function clusterNetworks(draft: ConfigDraft): ClusterNetwork[] {
  return (['podSubnet', 'serviceSubnet'] as const).flatMap((name) => {
    const text = valueOr(draft.spec?.network, name, networkDefaults[name]);
    const prefix = text === undefined ? null : parsePrefix(text);
    return text === undefined || prefix === null ? [] : [{ name, text, prefix }];
  });
}
