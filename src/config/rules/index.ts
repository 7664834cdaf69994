import { oneAddressFamily } from './address-family.ts';
import { cniManifests } from './cni.ts';
import { controlPlaneEndpoint } from './control-plane-endpoint.ts';
import { corruptCheck } from './corrupt-check.ts';
import { duplicateAddresses } from './duplicate-addresses.ts';
import { duplicateArguments } from './duplicate-arguments.ts';
import { duplicateNames } from './duplicate-names.ts';
import { electionTimeout } from './election-timeout.ts';
import { evenMembers } from './even-members.ts';
import { leafValidity } from './leaf-validity.ts';
import { loadBalancer, loadBalancerPort, virtualIp } from './load-balancer.ts';
import { networkOverlap } from './network-overlap.ts';
import { noMembers } from './no-members.ts';
import { nodeFields } from './node-fields.ts';
import { portConflict } from './port-conflict.ts';
import { roleCombination } from './role-combination.ts';
import { softwareSource } from './software-source.ts';
import { tooManyMembers } from './too-many-members.ts';
import { topology } from './topology.ts';
import type { ConfigRule } from './types.ts';

export const rules: readonly ConfigRule[] = [
  softwareSource,
  portConflict,
  duplicateArguments,
  corruptCheck,
  electionTimeout,
  leafValidity,
  noMembers,
  evenMembers,
  tooManyMembers,
  duplicateNames,
  duplicateAddresses,
  oneAddressFamily,
  roleCombination,
  topology,
  controlPlaneEndpoint,
  loadBalancer,
  loadBalancerPort,
  virtualIp,
  networkOverlap,
  cniManifests,
  nodeFields,
];
