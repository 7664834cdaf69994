import { oneAddressFamily } from './address-family.ts';
import { cniManifests } from './cni.ts';
import { componentArguments } from './component-arguments.ts';
import { controlPlaneEndpoint, endpointLeadsSomewhere } from './control-plane-endpoint.ts';
import { corruptCheck } from './corrupt-check.ts';
import { duplicateAddresses } from './duplicate-addresses.ts';
import { duplicateArguments } from './duplicate-arguments.ts';
import { duplicateNames } from './duplicate-names.ts';
import { electionTimeout } from './election-timeout.ts';
import { evenMembers } from './even-members.ts';
import { leafValidity } from './leaf-validity.ts';
import { loadBalancer, loadBalancerPort, virtualIp } from './load-balancer.ts';
import { networkFamily, networkOverlap, networkSize } from './networks.ts';
import { noMembers } from './no-members.ts';
import { duplicateTaints, nodeFields, nodeLabels } from './node-fields.ts';
import { controlPlanePortConflict, portConflict } from './port-conflict.ts';
import { roleCombination } from './role-combination.ts';
import { softwareSource } from './software-source.ts';
import { tooManyMembers } from './too-many-members.ts';
import { stackedEtcd, topology } from './topology.ts';
import type { ConfigRule } from './types.ts';

export const rules: readonly ConfigRule[] = [
  softwareSource,
  portConflict,
  controlPlanePortConflict,
  duplicateArguments,
  corruptCheck,
  componentArguments,
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
  stackedEtcd,
  controlPlaneEndpoint,
  endpointLeadsSomewhere,
  loadBalancer,
  loadBalancerPort,
  virtualIp,
  networkFamily,
  networkOverlap,
  networkSize,
  cniManifests,
  nodeFields,
  nodeLabels,
  duplicateTaints,
];
