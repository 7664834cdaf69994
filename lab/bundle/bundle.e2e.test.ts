import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from './command.ts';
import { digestFile } from './digest.ts';
import type { ReadyBundleAndStore } from './index.ts';
import { cacheDir, ensureBundle } from './index.ts';
import { makeStore } from './store.ts';

let bundle: ReadyBundleAndStore;
let temp: string;
beforeAll(async () => {
  bundle = await ensureBundle();
  temp = await mkdtemp(join(tmpdir(), 'keelson-bundle-'));
}, 3_600_000);
afterAll(async () => rm(temp, { recursive: true, force: true }));

const program = (name: string) => join(bundle.dir, 'files', name);

/** Unpacks an image's only layer and gives the folder. */
async function unpacked(name: string): Promise<string> {
  const dir = join(temp, name);
  await mkdir(dir, { recursive: true });
  const archive = join(bundle.dir, `images/${name}.tar`);
  const [manifest] = JSON.parse(await run(['tar', '--extract', '--to-stdout', '--file', archive, 'manifest.json']));
  await run(['tar', '--extract', '--directory', dir, '--file', archive]);
  await run(['tar', '--extract', '--directory', dir, '--file', join(dir, manifest.Layers[0])]);
  return dir;
}

test('a second call gives the same folder in less than a second', async () => {
  const lines: string[] = [];
  const started = performance.now();
  const again = await ensureBundle({ progress: (line) => lines.push(line) });
  expect(performance.now() - started).toBeLessThan(1000);
  expect(again).toEqual(bundle);
  expect(lines).toEqual([]);
});

test('every file is what the manifest says, executable, and named only once', async () => {
  const { files, images } = bundle.manifest;
  for (const { path, sha256, sizeBytes } of [...files, ...images]) {
    expect({ path, ...(await digestFile(join(bundle.dir, path))) }).toEqual({ path, sha256, sizeBytes });
  }
  for (const { path } of files) {
    expect((await stat(join(bundle.dir, path))).mode & 0o7777).toBe(0o755);
  }
  const listed = [...files, ...images].map(({ path }) => path).sort();
  const present = await readdir(bundle.dir, { recursive: true, withFileTypes: true });
  const found = present.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  expect(found.map((path) => path.slice(bundle.dir.length + 1)).sort()).toEqual(['bundle.json', ...listed]);
});

test('the programs say the versions that they are', async () => {
  const { clientVersion } = JSON.parse(await run([program('kubeadm'), 'version', '--output', 'json']));
  expect(clientVersion).toMatchObject({ gitVersion: 'v1.36.3', gitTreeState: 'clean', major: '1', minor: '36' });
  expect(await run([program('kubelet'), '--version'])).toBe('Kubernetes v1.36.3\n');
  expect(await run([program('containerd'), '--version'])).toContain(' v2.4.2');
  expect(await run([program('runc'), '--version'])).toMatch(/^runc version 1\./);
  const etcd = await unpacked('etcd');
  expect(await run([join(etcd, 'usr/local/bin/etcd'), '--version'])).toContain('etcd Version: 3.6.8');
  expect(await run([join(etcd, 'usr/local/bin/etcdctl'), 'version'])).toContain('etcdctl version: 3.6.8');
  expect(await run([join(etcd, 'usr/local/bin/etcdutl'), 'version'])).toContain('etcdutl version: 3.6.8');
});

test('only runc needs libraries of the host, and only those that systemd needs too', () => {
  for (const { name, path } of bundle.manifest.files) {
    const { stdout } = spawnSync('ldd', [join(bundle.dir, path)], { encoding: 'utf8' });
    const needed = [...stdout.matchAll(/^\s*(\S+) => /gm)].map((match) => `${match[1]}`).sort();
    expect({ name, needed }).toEqual({ name, needed: name === 'runc' ? ['libc.so.6', 'libseccomp.so.2'] : [] });
  }
});

test('the images are tagged as this kubeadm and this containerd ask for them', async () => {
  const list = await run([program('kubeadm'), 'config', 'images', 'list', '--kubernetes-version', 'v1.36.3']);
  const names = bundle.manifest.images.map((image) => image.name);
  expect(names).toEqual(
    list
      .split('\n')
      .filter((line) => /\/(etcd|pause):/.test(line))
      .sort(),
  );
  const defaults = await run([program('containerd'), 'config', 'default']);
  expect(defaults).toContain(`sandbox = '${names.find((name) => name.includes('/pause:'))}'`);
});

test('containerd of the bundle imports the images into a new root, where they are found again', async () => {
  const storeDir = join(temp, 'store');
  await makeStore(bundle.dir, bundle.manifest, storeDir);
  for (const dir of [storeDir, bundle.storeDir]) {
    const [snapshots] = await Promise.all([
      readdir(join(dir, 'io.containerd.snapshotter.v1.overlayfs/snapshots')),
      stat(join(dir, 'io.containerd.metadata.v1.bolt/meta.db')),
    ]);
    expect(snapshots.length).toBe(bundle.manifest.images.length);
    await expect(stat(join(dir, 'io.containerd.grpc.v1.introspection'))).rejects.toThrow('ENOENT');
  }
});

test('pause ends at once when told to, says its version, and reaps orphans', async () => {
  const pause = join(await unpacked('pause'), 'pause');
  expect(await run([pause, '-v'])).toBe('pause 3.10.2\n');

  const space = spawn('unshare', ['--pid', '--fork', '--kill-child', pause], { stdio: 'ignore' });
  try {
    const pid = await childOf(space);
    // The shell ends before its child, which pause inherits.
    await run(['nsenter', '--target', pid, '--pid', 'sh', '-c', 'sleep 0.2 & exit 0']);
    await eventually(async () => expect(await childrenOf(pid)).toEqual(''));

    const started = performance.now();
    const ended = once(space, 'close');
    process.kill(Number(pid), 'SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(performance.now() - started).toBeLessThan(500);
  } finally {
    space.kill('SIGKILL');
  }
});

test('a killed build, two builds at once and a damaged bundle: one complete bundle in the end', async () => {
  // A cache of its own, with all programs built but one.
  const cache = join(temp, 'cache');
  await mkdir(cache);
  await run(['cp', '--archive', '--link', join(cacheDir(), 'programs'), join(cache, 'programs')]);
  const [pauseDir = ''] = (await readdir(join(cache, 'programs'))).filter((name) => name.startsWith('pause-'));
  await rm(join(cache, 'programs', pauseDir), { recursive: true });

  const killed = cli(cache);
  await untilSaid(killed, /kubelet .*: in the cache/);
  killed.kill('SIGKILL');
  await once(killed, 'close');
  expect(await readdir(join(cache, 'bundles')).catch(() => [])).not.toContain(bundleName());

  const both = await Promise.all([cli(cache), cli(cache)].map(outputOf));
  const dir = join(cache, 'bundles', bundleName());
  expect(both.map(({ stdout }) => stdout)).toEqual([`${dir}\n`, `${dir}\n`]);
  const said = both.map(({ stderr }) => stderr).sort((a, b) => a.length - b.length);
  expect(said[0]).toBe('bundle: another process is building; waiting for it\n');
  expect(said[1]).toMatch(/kubeadm v1\.36\.3: in the cache\n/);
  expect(await readFile(join(dir, 'bundle.json'), 'utf8')).toBe(
    await readFile(join(bundle.dir, 'bundle.json'), 'utf8'),
  );
  expect(await readdir(join(cache, 'bundles'))).toEqual([bundleName()]);
  expect((await readdir(join(cache, 'programs'))).filter((name) => name.startsWith('.'))).toEqual([]);

  await rm(join(dir, 'images/pause.tar'));
  expect((await outputOf(cli(cache))).stdout).toBe(`${dir}\n`);
  await stat(join(dir, 'images/pause.tar'));
});

test('--out gives a folder of its own, twice', async () => {
  const out = join(temp, 'out');
  for (let i = 0; i < 2; i++) {
    expect((await outputOf(cli(cacheDir(), '--out', out))).stdout).toBe(`${out}\n`);
  }
  expect(await readFile(join(out, 'bundle.json'), 'utf8')).toBe(
    await readFile(join(bundle.dir, 'bundle.json'), 'utf8'),
  );
  expect((await stat(join(out, 'files/ctr'))).ino).not.toBe((await stat(program('ctr'))).ino);
});

const bundleName = () => bundle.dir.split('/').at(-1) ?? '';

function cli(cache: string, ...args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [join(import.meta.dirname, 'cli.ts'), ...args], {
    env: { ...process.env, KEELSON_CACHE: cache },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function outputOf(child: ChildProcess): Promise<{ stdout: string; stderr: string }> {
  const out = { stdout: '', stderr: '' };
  child.stdout?.on('data', (data) => {
    out.stdout += data;
  });
  child.stderr?.on('data', (data) => {
    out.stderr += data;
  });
  const [code] = await once(child, 'close');
  expect({ code, stderr: out.stderr }).toMatchObject({ code: 0 });
  return out;
}

function untilSaid(child: ChildProcess, pattern: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr?.on('data', (data) => {
      said += data;
      if (pattern.test(said)) {
        resolve();
      }
    });
    child.once('close', () => reject(new Error(`ended before it said ${pattern}: ${said}`)));
  });
}

async function childOf(child: ChildProcess): Promise<string> {
  let found = '';
  await eventually(async () => {
    found = await childrenOf(String(child.pid));
    expect(found).toMatch(/^\d+$/);
  });
  return found;
}

async function childrenOf(pid: string): Promise<string> {
  return (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim();
}

async function eventually(check: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + 5000;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline) {
        throw error;
      }
    }
    await sleep(50);
  }
}
