import type { Finding } from '../../model/finding.ts';
import { diskSpace, fileSystem, fsync } from './disk.ts';
import { testedVersion } from './kubernetes-version.ts';
import { address, foreignEtcd, foreignNode, forwarding, hostKeys, peers, ports } from './network.ts';
import { memory, networks, processors } from './node.ts';
import { architecture, cgroupVersion, clock, hostname, operatingSystem, swap, systemd, tools } from './platform.ts';
import { cgroupDriver, images, oomScore, runtime, versions } from './software.ts';
import type { Check, CheckInput } from './types.ts';
import { unknown } from './unknown.ts';

/**
 * Everything that is looked at before a cluster is made. What the planner refuses anyway (twins, foreign data, machines of another
 * cluster) is not judged a second time here: its refusals stand in the same report.
 */
export const checks: readonly Check[] = [
  systemd,
  architecture,
  operatingSystem,
  tools,
  cgroupVersion,
  cgroupDriver,
  swap,
  runtime,
  oomScore,
  versions,
  testedVersion,
  images,
  ports,
  address,
  forwarding,
  peers,
  clock,
  hostKeys,
  hostname,
  diskSpace,
  fileSystem,
  fsync,
  foreignEtcd,
  foreignNode,
  processors,
  memory,
  networks,
  unknown,
];

export function preflightFindings(input: CheckInput): Finding[] {
  return checks.flatMap((check) => check.judge(input));
}
