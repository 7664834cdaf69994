import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { configOf } from '../../test/checks/config.ts';
import { bundle } from '../../test/scenarios/sim/bundle.ts';
import { newCluster, policy, type Shape, subjectOf } from '../../test/scenarios/sim/world.ts';
import { makePlan } from './run.ts';
import { softwareOf } from './software.ts';

const shape: Shape = { members: 3, source: 'bundle' };
const { config } = subjectOf(shape);
const elsewhere = {
  ...config,
  spec: { ...config.spec, software: { ...config.spec.software, source: 'bundle' as const, bundle: '/nonexistent' } },
};

it('needs the bundle where nothing else is said', async () => {
  await expect(softwareOf(undefined, elsewhere, '/')).rejects.toMatchObject({ code: 'software.bundle' });
});

it('lets a cluster be looked at without the bundle, and plans nothing then', async () => {
  const { software, softwareUnread } = await softwareOf('if-readable', elsewhere, '/');
  expect(softwareUnread).toMatchObject({ code: 'software.bundle', message: expect.stringContaining('/nonexistent') });
  if (softwareUnread === undefined) throw new Error('it was read');
  const sim = newCluster(shape, 1);
  const subject = { ...subjectOf(shape), software, softwareUnread };
  const { ports } = sim.process();
  const { result, view } = await sim.clock.drive(
    makePlan(subject, ports, { kind: 'apply' }, new AbortController().signal, policy),
  );
  expect(result).toEqual({ ok: false, warnings: [], refusals: [softwareUnread] });
  expect([...view.facts.hosts.values()].map((facts) => facts.machine.is)).toEqual(['known', 'known', 'known']);
});

it('does not look at the software for the lock', async () => {
  const { softwareUnread } = await softwareOf('unread', elsewhere, '/');
  expect(softwareUnread?.message).not.toContain('/nonexistent');
});

it('refuses a bundle for etcd alone where there are nodes with flannel', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'keelson-software-'));
  const cluster = (cni: string) =>
    configOf(`apiVersion: keelson.dev/v1alpha1
kind: Cluster
metadata: { name: lab }
spec:
  kubernetesVersion: ${bundle.kubernetesVersion}
  software: { source: bundle, bundle: ${folder} }
  etcd: { topology: stacked }
  network: { cni: { kind: ${cni} } }
  hosts: [{ name: cp-0, address: 10.77.0.20, roles: [control-plane] }]
`);
  const [file] = bundle.files;
  if (file === undefined) throw new Error('the bundle is empty');
  const manifest = join(folder, 'bundle.json');
  try {
    writeFileSync(manifest, JSON.stringify(bundle));
    await expect(softwareOf('required', cluster('flannel'), folder)).rejects.toMatchObject({
      code: 'software.bundle',
      message: expect.stringContaining('was made for etcd alone'),
    });
    expect((await softwareOf('required', cluster('none'), folder)).software.source).toBe('bundle');
    const whole = { ...bundle, files: [...bundle.files, { ...file, install: '/opt/cni/bin/flannel' }] };
    writeFileSync(manifest, JSON.stringify(whole));
    expect((await softwareOf('required', cluster('flannel'), folder)).software.source).toBe('bundle');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
