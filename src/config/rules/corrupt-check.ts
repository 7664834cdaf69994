import { quote } from '../path.ts';
import type { ConfigRule } from './types.ts';

/** kubeadm sets feature-gates itself, and a flag of the user's replaces kubeadm's as a whole. */
export const corruptCheck: ConfigRule = (draft) =>
  (draft.spec?.etcd?.extraArgs ?? []).flatMap((arg, index) => {
    if (arg?.name !== 'feature-gates' || arg.value === undefined) return [];
    const gates = arg.value.split(',').filter((gate) => /^\s*InitialCorruptCheck\s*=/.test(gate));
    if (gates.length === 1 && gates[0]?.trim() === 'InitialCorruptCheck=true') return [];
    return [
      {
        code: 'config.unsafe-argument',
        path: ['spec', 'etcd', 'extraArgs', index, 'value'],
        message: `${quote(arg.value)} would switch etcd’s check for corrupt data off`,
        action: 'add InitialCorruptCheck=true to the list',
      },
    ];
  });
