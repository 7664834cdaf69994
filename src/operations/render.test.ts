import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseConfig } from '../config/parse.ts';
import { desire } from '../desired/desire.ts';
import { hostId } from '../model/ids.ts';
import type { ReadHost } from '../ports/host.ts';
import { renderFiles } from './render.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keelson-render-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const text = `apiVersion: keelson.dev/v1alpha1
kind: Cluster
metadata: { name: lab }
spec:
  kubernetesVersion: v1.36.3
  software: { source: preinstalled }
  pki: { caKeyPlacement: first-host }
  hosts:
    - { name: etcd-0, address: 10.77.0.10, roles: [etcd] }
    - { name: etcd-1, address: 10.77.0.11, roles: [etcd] }
    - { name: etcd-2, address: 10.77.0.12, roles: [etcd] }
`;

function desired() {
  const parsed = parseConfig(text, 'cluster.yaml');
  if (!parsed.ok) throw new Error('the configuration of this test is wrong');
  return desire(parsed.config, { is: 'absent' }, { source: 'preinstalled' });
}

const signal = new AbortController().signal;
const kubeadm: ReadHost = {
  id: hostId('here'),
  runAll: async () => [{ exitCode: 0, stdout: 'kind: Pod\n', stderr: '' }],
};

function below(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile())
    .map((e) => join(e.parentPath, e.name).slice(directory.length));
}

it('writes every file of every machine and names those that are made elsewhere', async () => {
  const report = await renderFiles(
    { desired: desired(), bundleKubeadm: kubeadm, directory: folder, force: false },
    signal,
  );
  const listed = report.files.filter((f) => f.file !== null).map((f) => `/${f.file}`);
  expect(below(folder).sort()).toEqual([...listed, '/files.txt'].sort());
  for (const host of ['etcd-0', 'etcd-1', 'etcd-2']) {
    expect(listed).toContain(`/hosts/${host}/etc/kubernetes/manifests/etcd.yaml`);
    expect(readFileSync(join(folder, `hosts/${host}/etc/keelson/kubeadmcfg.yaml`), 'utf8')).toContain(
      'value: existing',
    );
  }
  // kubeadm's inventory on one machine: nine, and the CA's key on the first with first-host.
  const pki = (host: string): number =>
    report.files.filter((f) => f.host === host && f.path.startsWith('/etc/kubernetes/pki/')).length;
  expect([pki('etcd-0'), pki('etcd-1'), pki('etcd-2')]).toEqual([10, 9, 9]);
});

it('never writes a private key, and nothing that others can read', async () => {
  const report = await renderFiles(
    { desired: desired(), bundleKubeadm: kubeadm, directory: folder, force: false },
    signal,
  );
  const keys = report.files.filter((f) => f.path.endsWith('.key') || f.path.endsWith('.age'));
  expect(keys.length).toBeGreaterThan(12);
  expect(keys.every((f) => f.file === null && f.note !== undefined)).toBe(true);
  for (const file of below(folder)) {
    expect(readFileSync(join(folder, file), 'utf8')).not.toContain('PRIVATE KEY');
    expect(statSync(join(folder, file)).mode & 0o077).toBe(0);
  }
});

it('says what kubeadm would make where there is none', async () => {
  const report = await renderFiles(
    { desired: desired(), bundleKubeadm: null, directory: folder, force: false },
    signal,
  );
  const manifest = report.files.find((f) => f.host === 'etcd-0' && f.path.endsWith('/etcd.yaml'));
  expect(manifest).toMatchObject({ file: null, note: expect.stringContaining('kubeadm v1.36.3') });
});

it('writes over nothing unless told to', async () => {
  writeFileSync(join(folder, 'mine'), '');
  const options = { desired: desired(), bundleKubeadm: null, directory: folder };
  await expect(renderFiles({ ...options, force: false }, signal)).rejects.toMatchObject({ code: 'usage' });
  expect(below(folder)).toEqual(['/mine']);
  await renderFiles({ ...options, force: true }, signal);
  expect(below(folder)).toContain('/mine');
});
