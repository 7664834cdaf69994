import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type HostId, hostId } from '../../src/model/ids.ts';
import { makePlan } from '../../src/operations/run.ts';
import { statusReport } from '../../src/operations/status.ts';
import type { SimCluster } from '../../src/testing/sim/cluster.ts';
import { apply, planOf } from './sim/apply.ts';
import { type Drift, driftNames, spoil } from './sim/drift.ts';
import { strike } from './sim/fault.ts';
import { runningCluster } from './sim/founded.ts';
import { newCluster, type Shape, shapeOf, subjectOf } from './sim/world.ts';

// Whole plans, as data. UPDATE_GOLDEN=1 records them again; what changes is then read as a diff.
const GOLDEN = join(import.meta.dirname, '__golden__');
const shape: Shape = { members: 3, source: 'preinstalled' };

async function planText(sim: SimCluster, on: Shape): Promise<string> {
  const shown = await planOf(sim, on);
  if (!('plan' in shown))
    return shown.refusals
      .map((f) => `refused ${f.code}${f.host === undefined ? '' : ` ${f.host}`}: ${f.message}\n`)
      .join('');
  const { steps } = shown.plan;
  if (steps.length === 0) return 'nothing to do\n';
  const number = new Map(steps.map((s, n) => [s.id, n + 1]));
  return steps
    .map((s, n) => {
      const quorum = s.quorum === undefined ? '' : `, ${s.quorum.stay} voters stay, ${s.quorum.need} needed`;
      const after =
        s.needs.length === 0
          ? ''
          : ` after ${s.needs
              .map((id) => number.get(id))
              .sort((a, b) => Number(a) - Number(b))
              .join(', ')}`;
      const changes = s.changes.map(
        (c) =>
          `     - ${c.summary}\n${(c.diff ?? [])
            .filter((line) => /^[+-]/.test(line))
            .map((line) => `       ${line}\n`)
            .join('')}`,
      );
      const effect = s.effect === undefined ? '' : `     ${s.effect}\n`;
      return `${n + 1}. ${s.on}: ${s.title} (${s.risk}${quorum})${after}\n     ${s.why}\n${changes.join('')}${effect}`;
    })
    .join('');
}

function compare(name: string, text: string): void {
  const file = join(GOLDEN, `${name.replaceAll(/[ .]/g, '-')}.txt`);
  if (process.env.UPDATE_GOLDEN === '1') {
    mkdirSync(GOLDEN, { recursive: true });
    writeFileSync(file, text);
  }
  expect(text).toBe(readFileSync(file, 'utf8'));
}

describe('the plan for', () => {
  it.each<Shape>([
    { members: 3, source: 'preinstalled' },
    { members: 3, source: 'bundle' },
    { members: 3, source: 'packages' },
    { members: 1, source: 'preinstalled' },
  ])('$members empty machines, $source', async (empty) => {
    compare(`empty ${empty.members} ${empty.source}`, await planText(newCluster(empty, 1), empty));
  });

  it.each(['stacked-1+1', 'stacked-3+1', 'external-3+2+1'])('empty machines for a cluster, %s', async (text) => {
    const empty = shapeOf(text, 'preinstalled');
    compare(`empty ${text}`, await planText(newCluster(empty, 1), empty));
  });

  it.each([30, 60, 90, 110, 130, 170, 230])('a founding killed at call %i', async (at) => {
    const sim = newCluster(shape, 1);
    sim.startClients();
    const ended = await sim.clock.drive(apply(sim.process({ cuts: [{ at, form: 'reply-lost' }] }), shape));
    expect(ended.is).toBe('died');
    await sim.rest();
    compare(`killed at ${at}`, await planText(sim, shape));
  });

  it.each(driftNames)('drift: %s', async (drift: Drift) => {
    const sim = await runningCluster(shape, 1);
    spoil(sim, hostId('etcd-1'), drift);
    await sim.clock.advance(20_000);
    compare(`drift ${drift}`, await planText(sim, shape));
  });

  const etcd = '/var/lib/etcd';
  it.each<{ name: string; befalls: (sim: SimCluster) => void }>([
    { name: 'nothing wrong', befalls: () => {} },
    { name: 'one wiped', befalls: (s) => s.wipe(hostId('etcd-1'), etcd) },
    { name: 'two wiped', befalls: (s) => wipe(s, ['etcd-0', 'etcd-1']) },
    { name: 'all wiped', befalls: (s) => wipe(s, [...s.machines.keys()]) },
    { name: 'vault lost', befalls: (s) => strike(s, { is: 'vault', to: 'lost' }) },
    { name: 'vault old', befalls: (s) => strike(s, { is: 'vault', to: 'before the founding' }) },
    {
      name: 'vault old and all wiped',
      befalls: (s) => {
        strike(s, { is: 'vault', to: 'before the founding' });
        wipe(s, [...s.machines.keys()]);
      },
    },
    {
      name: 'machine of another cluster',
      befalls: (s) => alterRecord(s, /"clusterUid": "[^"]*"/, '"clusterUid": "another"'),
    },
    {
      name: 'machine recorded under another name',
      befalls: (s) => alterRecord(s, /"host": "[^"]*"/, '"host": "etcd-9"'),
    },
    { name: 'unreadable record', befalls: (s) => alterRecord(s, /\{/, 'no JSON {') },
    { name: 'another machine', befalls: (s) => setMachineId(s, 'f'.repeat(32)) },
    { name: 'twin', befalls: (s) => setMachineId(s, s.machines.get(hostId('etcd-0'))?.machineId ?? '') },
    {
      name: 'leader with a damaged peer certificate and one stopped',
      befalls: (s) => {
        spoil(s, leaderOf(s), 'spoil peer.crt');
        spoil(s, followerOf(s), 'remove manifest');
      },
    },
    {
      name: 'leader with a damaged peer certificate and one that cannot join',
      befalls: (s) => {
        spoil(s, leaderOf(s), 'spoil peer.crt');
        s.powerOff(followerOf(s), 5_000);
      },
    },
    {
      name: 'damaged peer certificate and others that differ',
      befalls: (s) => {
        spoil(s, hostId('etcd-1'), 'spoil peer.crt');
        spoil(s, hostId('etcd-0'), 'change an etcd argument');
        spoil(s, hostId('etcd-2'), 'remove manifest');
      },
    },
    { name: 'one off', befalls: (s) => s.powerOff(hostId('etcd-1')) },
    { name: 'one without its peers', befalls: (s) => s.cutOff(hostId('etcd-1'), 'peers') },
    {
      name: 'drift beside one without its peers',
      befalls: (s) => {
        s.cutOff(hostId('etcd-1'), 'peers');
        spoil(s, hostId('etcd-0'), 'edit manifest');
      },
    },
  ])('$name', async ({ name, befalls }) => {
    const sim = await runningCluster(shape, 1);
    befalls(sim);
    await sim.clock.advance(20_000);
    compare(name, await planText(sim, shape));
  });

  it.each<{ name: string; befalls: (sim: SimCluster) => void }>([
    {
      name: 'foreign data',
      befalls: (s) => s.machines.get(hostId('etcd-1'))?.putFile(`${etcd}/member/wal/0.wal`, 'other', '600', 0),
    },
    {
      name: 'strange files in the data directory',
      befalls: (s) => s.machines.get(hostId('etcd-1'))?.putFile(`${etcd}/holiday.jpg`, 'x', '600', 0),
    },
    {
      name: 'remains of an etcd',
      befalls: (s) => s.machines.get(hostId('etcd-1'))?.putFile(`${etcd}/member/snap/db`, 'x', '600', 0),
    },
    {
      name: 'foreign control plane',
      befalls: (s) =>
        s.machines.get(hostId('etcd-1'))?.putFile('/etc/kubernetes/manifests/kube-apiserver.yaml', 'x', '600', 0),
    },
  ])('empty machines and $name', async ({ name, befalls }) => {
    const sim = newCluster(shape, 1);
    befalls(sim);
    compare(`empty with ${name}`, await planText(sim, shape));
  });

  it.each<{
    name: string;
    change: (i: NonNullable<SimCluster['vault']['inventory']>) => NonNullable<SimCluster['vault']['inventory']>;
  }>([
    { name: 'hosts', change: (i) => ({ ...i, hosts: i.hosts.slice(0, 2) }) },
    {
      name: 'address',
      change: (i) => ({ ...i, hosts: i.hosts.map((h, n) => (n === 0 ? { ...h, address: '10.77.0.99' } : h)) }),
    },
    { name: 'ports', change: (i) => ({ ...i, ports: { ...i.ports, client: 2399 } }) },
    { name: 'data directory', change: (i) => ({ ...i, dataDir: '/srv/etcd' }) },
    { name: 'algorithm', change: (i) => ({ ...i, algorithm: 'rsa-2048' }) },
    { name: 'version', change: (i) => ({ ...i, kubernetesVersion: 'v1.36.2' }) },
    { name: 'CA', change: (i) => ({ ...i, caFingerprint256: '0'.repeat(64) }) },
  ])('another $name than was applied', async ({ name, change }) => {
    const sim = await runningCluster(shape, 1);
    const { inventory } = sim.vault;
    if (inventory === null) throw new Error('there is no inventory');
    sim.vault.inventory = change(inventory);
    compare(`changed ${name}`, await planText(sim, shape));
  });
});

describe('status while the plan is refused', () => {
  it.each<{ name: string; befalls: (sim: SimCluster) => void; code: string }>([
    { name: 'a safety rule', befalls: (s) => s.cutOff(hostId('etcd-1'), 'peers'), code: 'safety.quorum' },
    { name: 'a machine that is away', befalls: (s) => s.powerOff(hostId('etcd-1')), code: 'host.unreachable' },
  ])('by $name still tells what differs, and does not send to apply', async ({ befalls, code }) => {
    const sim = await runningCluster(shape, 1);
    befalls(sim);
    spoil(sim, hostId('etcd-0'), 'change an etcd argument');
    await sim.clock.advance(20_000);
    const process = sim.process();
    const signal = new AbortController().signal;
    const made = await sim.clock.drive(makePlan(subjectOf(shape), process.ports, { kind: 'apply' }, signal));
    process.exit();
    expect(made.result.ok ? [] : made.result.refusals.map((f) => f.code)).toContain(code);
    const { findings } = statusReport(made, new Map(), sim.clock.now());
    const drift = findings.find((f) => f.code === 'status.drift' && f.host === 'etcd-0');
    expect(drift?.message).toContain('etcd.yaml');
    for (const { code: of, action } of findings)
      if (of === 'status.drift' || of === 'status.member-down') expect(action).toContain('keelson plan refuses');
  });
});

describe('a data directory that was changed in cluster.yaml', () => {
  it('is nothing but that: the data is where it was', async () => {
    const sim = await runningCluster(shape, 1);
    const { config, ...subject } = subjectOf(shape);
    const etcd = { ...config.spec.etcd, dataDir: '/srv/etcd' };
    const process = sim.process();
    const signal = new AbortController().signal;
    const changed = { ...subject, config: { ...config, spec: { ...config.spec, etcd } } };
    const made = await sim.clock.drive(makePlan(changed, process.ports, { kind: 'apply' }, signal));
    const report = statusReport(made, new Map(), sim.clock.now());
    process.exit();
    expect(made.result.ok ? [] : made.result.refusals.map((f) => f.code)).toEqual(['change.data-dir']);
    expect(report.findings.map((f) => `${f.severity} ${f.code}`)).toEqual(['warning change.data-dir']);
    expect(report.healthy).toBe(true);
  });
});

function leaderOf(sim: SimCluster): HostId {
  const [first] = sim.etcd.clusterIds;
  return sim.etcd.raft.leaderOf(first ?? '') ?? hostId('none leads');
}

function followerOf(sim: SimCluster): HostId {
  return [...sim.machines.keys()].find((id) => id !== leaderOf(sim)) ?? hostId('none follows');
}

function wipe(sim: SimCluster, hosts: readonly string[]): void {
  for (const host of hosts) sim.wipe(hostId(host), '/var/lib/etcd');
}

function alterRecord(sim: SimCluster, from: RegExp, to: string): void {
  const machine = sim.machines.get(hostId('etcd-1'));
  const path = '/etc/keelson/host.json';
  machine?.alter(path, { content: (machine.files.get(path)?.content ?? '').replace(from, to) });
}

function setMachineId(sim: SimCluster, id: string): void {
  const machine = sim.machines.get(hostId('etcd-1'));
  if (machine !== undefined) machine.machineId = id;
}
