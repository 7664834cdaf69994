import { copyFileSync, readdirSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AptRepository } from './apt-repository.ts';
import { ensureBundle } from './bundle/index.ts';
import type { Bundle } from './bundle/manifest.ts';
import { createLab, type Lab } from './lab.ts';
import type { Machine } from './machine.ts';
import { computerState } from './testing/computer-state.ts';

const keyFile = '/etc/apt/keyrings/kubernetes.asc';

describe('the package repository', () => {
  let lab: Lab;
  let bundle: Bundle;
  let repository: AptRepository;
  let before: string[];
  beforeAll(async () => {
    const { dir, manifest } = await ensureBundle();
    bundle = manifest;
    before = await computerState('e2e-apt');
    lab = await createLab({
      name: 'e2e-apt',
      machines: [{ name: 'a' }, { name: 'b' }],
      software: 'images',
      bundle: dir,
    });
    repository = await lab.serveAptRepository(dir);
  });
  afterAll(() => lab.down());

  const configure = async (machine: Machine, key = repository.signingKey): Promise<void> => {
    await machine.writeFile(keyFile, key);
    const source = `Types: deb\nURIs: ${repository.url}\nSuites: /\nSigned-By: ${keyFile}\n`;
    await machine.writeFile('/etc/apt/sources.list.d/kubernetes.sources', source);
  };
  const apt = (machine: Machine, ...args: string[]) =>
    machine.exec(['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args], { allowFailure: true });

  it('installs what the bundle holds, and containerd finds the images', async () => {
    const a = lab.machine('a');
    await configure(a);
    const update = await apt(a, 'update');
    expect([update.code, update.stderr]).toEqual([0, '']);
    const version = bundle.kubernetesVersion.replace(/^v/, '');
    const install = await apt(a, 'install', '-y', `kubelet=${version}-*`, `kubeadm=${version}-*`, 'containerd');
    expect(install.code, install.stderr).toBe(0);
    expect((await a.exec(['/usr/bin/kubelet', '--version'])).stdout).toContain(bundle.kubernetesVersion);
    expect((await a.exec(['/usr/bin/kubeadm', 'version', '-o', 'short'])).stdout.trim()).toBe(bundle.kubernetesVersion);
    expect((await a.exec(['ls', '/opt/cni/bin'])).stdout).toContain('loopback');
    expect((await a.exec(['systemctl', 'is-active', 'containerd'])).stdout.trim()).toBe('active');
    expect((await a.exec(['systemctl', 'is-enabled', 'containerd'])).stdout.trim()).toBe('enabled');
    const images = (await a.exec(['ctr', '-n', 'k8s.io', 'images', 'list', '-q'])).stdout.split('\n');
    expect(images).toEqual(expect.arrayContaining(bundle.images.map(({ name }) => name)));
    const owner = await a.exec(['dpkg', '-S', '/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf']);
    expect(owner.stdout).toMatch(/^kubeadm:/);
    expect(repository.requests()).toContainEqual(expect.stringMatching(/^200 .*kubelet_.*\.deb$/));
  });

  it('is trusted by its own key alone', async () => {
    const b = lab.machine('b');
    const stranger = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n=twTO\n-----END PGP PUBLIC KEY BLOCK-----\n';
    await configure(b, stranger);
    const update = await apt(b, 'update');
    expect(update.stdout + update.stderr).toMatch(/not signed|NO_PUBKEY|couldn't be verified|isn't signed/i);
    expect((await apt(b, 'install', '-y', 'kubelet')).code).not.toBe(0);
  });

  it('is refused when a package is another than the index says', async () => {
    const b = lab.machine('b');
    await configure(b);
    expect((await apt(b, 'update')).code).toBe(0);
    // The served name gets another package; a copy, since the folder holds hard links into the cache.
    const [cni, kubeadm] = ['kubernetes-cni', 'kubeadm'].map((name) => fileStartingWith(repository, name));
    copyReplacing(join(repository.directory, cni ?? ''), join(repository.directory, kubeadm ?? ''));
    const install = await apt(b, 'install', '-y', 'kubeadm');
    expect(install.code).not.toBe(0);
    expect((await b.exec(['test', '-e', '/usr/bin/kubeadm'], { allowFailure: true })).code).toBe(1);
  });

  it('answers on the bridge only, and serves nothing but its files', async () => {
    const { hostname, port } = new URL(repository.url);
    expect(await statusOf(hostname, port, '/deb/InRelease')).toBe(200);
    expect(await statusOf('127.0.0.1', port, '/deb/InRelease')).toBeUndefined();
    for (const path of ['/deb/../port', '/deb/%2e%2e/port', '/deb/..%2fport', '/port', '/deb/', '/deb/%', '/deb/.x']) {
      expect(await statusOf(hostname, port, path), path).toBe(404);
    }
  });

  it('stops, and goes with its lab', async () => {
    const answers = async () => {
      const { hostname, port } = new URL(repository.url);
      return (await statusOf(hostname, port, '/deb/InRelease')) === 200;
    };
    await repository.stop();
    expect(await answers()).toBe(false);
    const { dir } = await ensureBundle();
    repository = await lab.serveAptRepository(dir);
    expect(await answers()).toBe(true);
    await lab.down();
    expect(await answers()).toBe(false);
    expect(await computerState('e2e-apt')).toEqual(before);
  });
});

/** With the path exactly as given, which fetch would tidy up. Undefined without an answer. */
function statusOf(host: string, port: string, path: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const request = get({ host, port, path, timeout: 2_000 }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(undefined));
  });
}

function fileStartingWith(repository: AptRepository, name: string): string | undefined {
  return readdirSync(repository.directory).find((file) => file.startsWith(`${name}_`));
}

function copyReplacing(source: string, target: string): void {
  rmSync(target);
  copyFileSync(source, target);
}
