import { hostsWith } from './hosts.ts';
import type { ConfigRule } from './types.ts';

/** kubeadm refuses a second control plane in a cluster that was made without one, and it cannot be added later. */
export const controlPlaneEndpoint: ConfigRule = (draft) => {
  const count = hostsWith(draft, 'control-plane').length;
  const section = draft.spec?.controlPlane;
  if (count < 2 || (section !== undefined && 'endpoint' in section)) return [];
  return [
    {
      code: 'config.control-plane-endpoint',
      path: section === undefined ? ['spec'] : ['spec', 'controlPlane'],
      message: `has no controlPlane.endpoint, and there are ${count} control planes`,
      action: 'give the name or address and port of the load balancer, such as endpoint: 10.77.0.100:8443',
    },
  ];
};
