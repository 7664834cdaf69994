import { hostId } from '../../../src/model/ids.ts';
import { isFounded } from '../../../src/ports/vault.ts';
import type { SimCluster } from '../../../src/testing/sim/cluster.ts';
import type { Away } from '../../../src/testing/sim/links.ts';
import { emptyVault } from '../../../src/testing/sim/vault.ts';
import { type Drift, spoil } from './drift.ts';

/** What happens to machines, whatever keelson does. */
export type Fault =
  | { is: 'power-off'; host: string; backMs: number }
  | { is: 'cut-off'; host: string; from: Away; ms: number }
  | { is: 'slow'; host: string; ms: number }
  | { is: 'drift'; host: string; drift: Drift }
  /** The kubeadm that is at work there is ended where it is. */
  | { is: 'kill-kubeadm'; host: string }
  /** Its disk is lost. Only of a cluster in use: before, there is nothing to lose. */
  | { is: 'wipe'; host: string }
  /** The leader, whichever it is, loses power for a while. */
  | { is: 'restart-leader'; backMs: number }
  /** The operator's vault folder is lost, or is an old copy; or it is the right one again. */
  | { is: 'vault'; to: 'lost' | 'before the founding' | 'right' };

export function strike(sim: SimCluster, fault: Fault): void {
  if (fault.is === 'restart-leader') {
    const leader = [...sim.etcd.clusterIds].map((id) => sim.etcd.raft.leaderOf(id)).find((id) => id !== null);
    if (leader !== undefined && leader !== null) sim.powerOff(leader, fault.backMs);
    return;
  }
  if (fault.is === 'vault') {
    changeVault(sim, fault.to);
    return;
  }
  const host = hostId(fault.host);
  if (fault.is === 'power-off') sim.powerOff(host, fault.backMs);
  if (fault.is === 'kill-kubeadm') sim.killKubeadm(host);
  if (fault.is === 'slow') sim.slow(host, fault.ms);
  if (fault.is === 'drift') spoil(sim, host, fault.drift);
  if (fault.is === 'wipe' && sim.vault.identity?.etcd.phase === 'handed-over') sim.wipe(host, '/var/lib/etcd');
  if (fault.is === 'cut-off') {
    sim.cutOff(host, fault.from);
    void sim.clock.sleep(fault.ms).then(() => sim.heal(host));
  }
}

function changeVault(sim: SimCluster, to: 'lost' | 'before the founding' | 'right'): void {
  const { backups } = sim;
  const old = backups.findLast(
    ({ identity, ca }) => identity !== null && ca !== null && !isFounded(identity.etcd.phase),
  );
  const copy = to === 'right' ? backups.at(-1) : to === 'lost' ? undefined : old;
  sim.vault = { ...emptyVault(), ...copy };
  sim.note(`the vault is ${to}`);
}
