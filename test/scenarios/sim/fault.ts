import { hostId } from '../../../src/model/ids.ts';
import type { Away, SimCluster } from '../../../src/testing/sim/cluster.ts';
import { type Drift, spoil } from './drift.ts';

/** What happens to machines, whatever keelson does. */
export type Fault =
  | { is: 'power-off'; host: string; backMs: number }
  | { is: 'cut-off'; host: string; from: Away; ms: number }
  | { is: 'slow'; host: string; ms: number }
  | { is: 'drift'; host: string; drift: Drift }
  /** Its disk is lost. Only of a cluster in use: before, there is nothing to lose. */
  | { is: 'wipe'; host: string }
  /** The leader, whichever it is, loses power for a moment. */
  | { is: 'restart-leader' };

export function strike(sim: SimCluster, fault: Fault): void {
  if (fault.is === 'restart-leader') {
    const leader = [...sim.etcd.clusterIds].map((id) => sim.etcd.raft.leaderOf(id)).find((id) => id !== null);
    if (leader !== undefined && leader !== null) sim.powerOff(leader, 8_000);
    return;
  }
  const host = hostId(fault.host);
  if (fault.is === 'power-off') sim.powerOff(host, fault.backMs);
  if (fault.is === 'slow') sim.slow(host, fault.ms);
  if (fault.is === 'drift') spoil(sim, host, fault.drift);
  if (fault.is === 'wipe' && sim.vault.identity?.etcd.phase === 'handed-over') sim.wipe(host, '/var/lib/etcd');
  if (fault.is === 'cut-off') {
    sim.cutOff(host, fault.from);
    void sim.clock.sleep(fault.ms).then(() => sim.heal(host));
  }
}
