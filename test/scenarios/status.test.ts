import { describe, expect, it } from 'vitest';
import type { Ports } from '../../src/engine/types.ts';
import { hostId } from '../../src/model/ids.ts';
import { readStatus } from '../../src/operations/status.ts';
import type { EtcdAdmin } from '../../src/ports/etcd-admin.ts';
import type { SimCluster } from '../../src/testing/sim/cluster.ts';
import { type Drift, spoil } from './sim/drift.ts';
import { runningCluster } from './sim/founded.ts';
import { type Shape, subjectOf } from './sim/world.ts';

// What `keelson status` says of the simulated cluster.
const shape: Shape = { members: 3, source: 'preinstalled' };

async function statusOf(sim: SimCluster, change: (ports: Ports) => Ports = (ports) => ports) {
  const process = sim.process();
  const ports = change(process.ports);
  const begin = sim.clock.monotonicMs();
  const report = await sim.clock.drive(readStatus({ subject: subjectOf(shape), ports }, new AbortController().signal));
  process.exit();
  return { ...report, codes: report.findings.map((f) => f.code), tookMs: sim.clock.monotonicMs() - begin };
}

/** Linearizable reads fail so often as they do when an election comes between. */
function losingItsLeader(times: number): (ports: Ports) => Ports {
  let left = times;
  const get: EtcdAdmin['get'] = () => {
    left -= 1;
    return Promise.resolve({ is: 'failed', reason: 'no-leader', message: 'etcdserver: leader changed' });
  };
  return (ports) => ({
    ...ports,
    etcd: { ...ports.etcd, get: (...asked) => (left > 0 ? get(...asked) : ports.etcd.get(...asked)) },
  });
}

describe('status', () => {
  it('asks once more when an election came between', async () => {
    const report = await statusOf(await runningCluster(shape, 1), losingItsLeader(3));
    expect(report).toMatchObject({ healthy: true, findings: [] });
    expect(report.tookMs).toBeGreaterThanOrEqual(1000);
  });

  it('does not wait where there is nothing to wait for, and not for ever', async () => {
    expect((await statusOf(await runningCluster(shape, 1))).tookMs).toBeLessThan(1000);
    const report = await statusOf(await runningCluster(shape, 1), losingItsLeader(1000));
    expect(report.codes).toContain('status.no-leader');
    expect(report.codes).not.toContain('status.quorum-lost');
    expect(report.tookMs).toBeLessThan(3000);
  });

  it('says that the quorum is lost, and by whose silence', async () => {
    const sim = await runningCluster(shape, 1);
    for (const host of ['etcd-0', 'etcd-1']) spoil(sim, hostId(host), 'remove manifest');
    await sim.clock.advance(20_000);
    const report = await statusOf(sim);
    expect(report.codes).toContain('status.quorum-lost');
    expect(report.etcd.leader).toBeNull();
  });

  it.each<{ drift: Drift; path: string }>([
    { drift: 'spoil peer.crt', path: 'peer.crt' },
    { drift: 'remove peer.key', path: 'peer.crt' },
    { drift: 'spoil server.crt', path: 'server.crt' },
    { drift: 'remove ca.crt', path: 'ca.crt' },
  ])('is not healthy with a damaged file under a member that goes on: $drift', async ({ drift, path }) => {
    const sim = await runningCluster(shape, 1);
    spoil(sim, hostId('etcd-1'), drift);
    await sim.clock.advance(5_000);
    expect(sim.etcd.serving()).toHaveLength(3);
    const report = await statusOf(sim);
    expect(report.healthy).toBe(false);
    const damaged = report.findings.filter((f) => f.code === 'status.certificate-damaged');
    expect(damaged).toMatchObject([{ severity: 'error', host: 'etcd-1' }]);
    expect(damaged[0]?.message).toContain(`${path} on etcd-1 cannot be used`);
  });

  it('of a member that cannot join names the damage on another one, and no forwarding of sshd', async () => {
    const sim = await runningCluster(shape, 1);
    for (const host of ['etcd-1', 'etcd-2']) spoil(sim, hostId(host), 'spoil peer.crt');
    sim.powerOff(hostId('etcd-0'), 5_000);
    await sim.clock.advance(60_000);
    const report = await statusOf(sim);
    const of = (code: string) => report.findings.filter((f) => f.code === code);
    expect(of('status.certificate-damaged').map((f) => f.host)).toEqual(['etcd-1', 'etcd-2']);
    expect(of('status.member-unknown-health')[0]?.host).toBe('etcd-0');
    expect(of('status.member-unknown-health')[0]?.action).not.toContain('sshd');
    expect(of('status.drift').map((f) => f.host)).toContain('etcd-1');
  });
});
