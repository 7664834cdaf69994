import type { Finding } from '../../model/finding.ts';
import { alarms } from './alarms.ts';
import { certificateAges, certificatesDamaged, certificatesServed } from './certificates.ts';
import { databaseSize } from './database.ts';
import { clusterId, founding, refusals, unopened, vault } from './identity.ts';
import { loadBalancer } from './load-balancer.ts';
import { learners, membersDown, membership, quorum, versionSkew } from './members.ts';
import { apiServers, kubernetesSkew, leases, nodes, notMade, staticPods } from './nodes.ts';
import { room } from './room.ts';
import type { StatusCheck, StatusInput } from './types.ts';
import { drift, kubelets } from './upkeep.ts';

const checks: readonly StatusCheck[] = [
  vault,
  founding,
  clusterId,
  refusals,
  unopened,
  quorum,
  membersDown,
  membership,
  learners,
  alarms,
  databaseSize,
  room,
  versionSkew,
  notMade,
  apiServers,
  loadBalancer,
  staticPods,
  nodes,
  leases,
  kubernetesSkew,
  certificateAges,
  certificatesDamaged,
  certificatesServed,
  kubelets,
  drift,
];

export function statusFindings(input: StatusInput): Finding[] {
  const seen = new Set<string>();
  return checks
    .flatMap((check) => check(input))
    .filter((found) => {
      const key = `${found.code} ${found.host ?? ''} ${found.message}`;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    });
}
