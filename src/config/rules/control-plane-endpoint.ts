import { parseIp } from '../../model/ip.ts';
import { parseEndpoint } from '../address.ts';
import { valueOr } from '../draft.ts';
import { quote } from '../path.ts';
import { defaults } from '../schema.ts';
import { hostsWith } from './hosts.ts';
import type { ConfigRule } from './types.ts';

const code = 'config.control-plane-endpoint';

/** kubeadm refuses a second control plane in a cluster that was made without one, and it cannot be added later. */
export const controlPlaneEndpoint: ConfigRule = (draft) => {
  const count = hostsWith(draft, 'control-plane').length;
  const section = draft.spec?.controlPlane;
  if (count < 2 || (section !== undefined && 'endpoint' in section)) return [];
  return [
    {
      code,
      path: section === undefined ? ['spec'] : ['spec', 'controlPlane'],
      message: `has no controlPlane.endpoint, and there are ${count} control planes`,
      action: 'give the name or address and port of the load balancer, such as endpoint: 10.77.0.100:8443',
    },
  ];
};

/** Without a load balancer an address leads to an API server itself, or nowhere. Where a name leads is not in the file. */
export const endpointLeadsSomewhere: ConfigRule = (draft) => {
  const section = draft.spec?.controlPlane;
  const given = section?.endpoint;
  const endpoint = given === undefined ? null : parseEndpoint(given);
  if (endpoint === null || section === undefined || 'loadBalancer' in section || parseIp(endpoint.host) === null)
    return [];
  const path = ['spec', 'controlPlane', 'endpoint'];
  const controlPlanes = hostsWith(draft, 'control-plane').filter(({ address }) => address !== undefined);
  if (controlPlanes.length === 0) return [];
  if (!controlPlanes.some(({ address }) => address === endpoint.host)) {
    const message = `${quote(given)} is no control plane’s address, and there is no load balancer`;
    const action = 'use a control plane’s address or a DNS name, or add spec.controlPlane.loadBalancer';
    return [{ code, path, message, action }];
  }
  const apiServer = valueOr(section, 'apiServerPort', defaults.ports.apiServer);
  if (apiServer === undefined || (endpoint.port ?? apiServer) === apiServer) return [];
  const message = `has port ${endpoint.port}, and the API server of that machine listens on ${apiServer}`;
  return [{ code, path, message, action: `use port ${apiServer}, or set spec.controlPlane.apiServerPort` }];
};
