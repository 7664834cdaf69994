import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBundle } from '../../lab/bundle/index.ts';
import { createLab, type Lab } from '../../lab/index.ts';
import { desire } from '../../src/desired/desire.ts';
import { hostId } from '../../src/model/ids.ts';
import { apply } from '../scenarios/sim/apply.ts';
import { configOf, newCluster } from '../scenarios/sim/world.ts';
import { type ContractCase, contractCases, playEtcdStarts } from './handler-cases.ts';
import { realSubject, simulatedSubject } from './handler-subject.ts';

// Each handler of the simulation against a real machine: the same things done to both, and the same to be known afterwards.
const shape = { members: 1, source: 'preinstalled' } as const;

describe('the simulation answers as a machine does', () => {
  let lab: Lab;
  beforeAll(async () => {
    const { dir } = await ensureBundle();
    lab = await createLab({
      name: 'e2e-contract',
      machines: [{ name: 'etcd-0' }],
      software: 'preinstalled',
      bundle: dir,
    });
  });
  afterAll(() => lab?.down());

  const played = Object.entries(contractCases).filter(
    (entry): entry is [string, Extract<ContractCase, { play: unknown }>] => 'play' in entry[1],
  );

  it.each(played)('%s', async (_name, { play }) => {
    const sim = newCluster(shape, 1);
    const real = await play(realSubject(lab.machine('etcd-0')));
    expect(await play(simulatedSubject(sim, 'etcd-0'))).toEqual(real);
  });

  it('etcd with and without data, and what it leaves', async () => {
    const machine = lab.machine('etcd-0');
    const config = configOf(shape);
    const hosts = config.spec.hosts.map((h) => ({ ...h, address: machine.address }));
    const desired = desire(
      { ...config, spec: { ...config.spec, hosts } },
      { is: 'absent' },
      { source: 'preinstalled' },
      null,
    );
    await machine.writeFile('/root/kubeadmcfg.yaml', desired.hosts.get(hostId('etcd-0'))?.kubeadmConfig.founding ?? '');
    for (const phase of ['etcd-ca', 'etcd-server', 'etcd-peer', 'etcd-healthcheck-client']) {
      await machine.exec(['kubeadm', 'init', 'phase', 'certs', phase, '--config', '/root/kubeadmcfg.yaml']);
    }
    const real = await playEtcdStarts(realSubject(machine));

    const sim = newCluster(shape, 1);
    await sim.clock.drive(apply(sim.process(), shape));
    sim.machines.get(hostId('etcd-0'))?.remove('/etc/kubernetes/manifests/etcd.yaml');
    await sim.clock.advance(10_000);
    sim.wipe(hostId('etcd-0'), '/var/lib/etcd');
    expect(await playEtcdStarts(simulatedSubject(sim, 'etcd-0'))).toEqual(real);
  });
});
