import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { digestFile } from './digest.ts';
import type { Bundle, BundleFile } from './manifest.ts';
import { manifestName, readFinished, writeManifest } from './manifest.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'keelson-manifest-'));
  await mkdir(join(dir, 'files'));
});
afterEach(async () => rm(dir, { recursive: true, force: true }));

async function file(name: string): Promise<BundleFile> {
  const path = `files/${name}`;
  await writeFile(join(dir, path), `the program ${name}`);
  return {
    name,
    version: 'v1.0.0',
    path,
    ...(await digestFile(join(dir, path))),
    install: `/usr/local/bin/${name}`,
    mode: '0755',
  };
}

function bundle(files: readonly BundleFile[]): Bundle {
  return {
    apiVersion: 'keelson.dev/v1alpha1',
    kind: 'Bundle',
    kubernetesVersion: 'v1.36.3',
    architecture: 'amd64',
    files,
    images: [],
  };
}

test('bundle.json lists files by path, whichever was ready first', async () => {
  await writeManifest(dir, bundle([await file('kubelet'), await file('ctr'), await file('kubeadm')]));
  const written = JSON.parse(await readFile(join(dir, manifestName), 'utf8')) as Bundle;
  expect(written.files.map((entry) => entry.path)).toEqual(['files/ctr', 'files/kubeadm', 'files/kubelet']);
  expect(written.files[0]).toEqual({
    name: 'ctr',
    version: 'v1.0.0',
    path: 'files/ctr',
    sha256: '52f7cb73956aa38b4f633b628c823f43cfa577a59ba7acb44b69380550915da7',
    sizeBytes: 15,
    install: '/usr/local/bin/ctr',
    mode: '0755',
  });
});

test('a complete bundle is read back as it was written', async () => {
  const whole = bundle([await file('ctr')]);
  await writeManifest(dir, whole);
  expect(await readFinished(dir)).toEqual(whole);
});

test('a bundle with a missing file, a file of another size, or no readable manifest is not finished', async () => {
  expect(await readFinished(dir)).toBeUndefined();
  await writeManifest(dir, bundle([await file('ctr'), await file('kubeadm')]));
  await writeFile(join(dir, 'files/ctr'), 'cut');
  expect(await readFinished(dir)).toBeUndefined();
  await file('ctr');
  expect(await readFinished(dir)).toBeDefined();
  await rm(join(dir, 'files/kubeadm'));
  expect(await readFinished(dir)).toBeUndefined();
  await writeFile(join(dir, manifestName), '{"kind":');
  expect(await readFinished(dir)).toBeUndefined();
});
