import { valueOr } from '../draft.ts';
import { parseGoDuration } from '../duration.ts';
import { quote } from '../path.ts';
import { defaults } from '../schema.ts';
import type { ConfigRule } from './types.ts';

/** kubeadm only warns when a leaf outlives its CA; every client refuses it from then on. */
export const leafValidity: ConfigRule = (draft) => {
  const pki = draft.spec?.pki;
  // How long a CA of the user's own is valid is in its file.
  if (pki !== undefined && 'ca' in pki) return [];
  const leaf = valueOr(pki, 'leafValidity', defaults.leafValidity);
  const ca = valueOr(pki, 'caValidity', defaults.caValidity);
  const [leafSeconds, caSeconds] = [parseGoDuration(leaf ?? ''), parseGoDuration(ca ?? '')];
  if (leafSeconds === null || caSeconds === null || leafSeconds <= caSeconds) return [];
  return [
    {
      code: 'config.leaf-outlives-ca',
      path: ['spec', 'pki', pki?.leafValidity === undefined ? 'caValidity' : 'leafValidity'],
      message: `leaf certificates of ${quote(leaf)} would outlive a CA of ${quote(ca)}`,
      action: 'make leafValidity shorter, or caValidity longer',
    },
  ];
};
