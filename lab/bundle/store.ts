import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from './command.ts';
import type { Bundle } from './manifest.ts';
import { unfinished } from './program-cache.ts';

/** The namespace in which the kubelet's container runtime looks for images. */
const namespace = 'k8s.io';

const startLimitMs = 30_000;

/** Whether a store is complete: it got its name by a rename. */
export async function hasStore(storeDir: string): Promise<boolean> {
  return stat(storeDir).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/**
 * Imports a bundle's images once, with the bundle's own containerd, into a folder that can be the /var/lib/containerd of
 * any number of machines: `cp -al` and then a real copy of each `*.db`. Needs root, because importing unpacks by mounting.
 */
export async function makeStore(bundleDir: string, bundle: Bundle, storeDir: string): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new Error('importing images into a containerd store mounts file systems: run this as root');
  }
  const parent = dirname(storeDir);
  await mkdir(parent, { recursive: true });
  const root = await mkdtemp(join(parent, unfinished));
  // A socket's path may have 107 bytes: the cache may be too deep for it.
  const runDir = await mkdtemp(join(tmpdir(), 'keelson-store-'));
  try {
    await importImages(bundleDir, bundle, root, runDir);
    // Each machine must draw its own identity.
    await rm(join(root, 'io.containerd.grpc.v1.introspection'), { recursive: true, force: true });
    await rm(join(root, 'tmpmounts'), { recursive: true, force: true });
    await chmod(root, 0o711);
    await rename(root, storeDir);
  } finally {
    await rm(root, { recursive: true, force: true });
    await rm(runDir, { recursive: true, force: true });
  }
}

async function importImages(bundleDir: string, bundle: Bundle, root: string, runDir: string): Promise<void> {
  const address = join(runDir, 'containerd.sock');
  const config = join(runDir, 'config.toml');
  await writeFile(config, renderConfig(root, runDir, address));
  const ctr = (...args: readonly string[]) =>
    run([fileOf(bundleDir, bundle, 'ctr'), '--address', address, '--namespace', namespace, ...args]);
  const containerd = spawn(fileOf(bundleDir, bundle, 'containerd'), ['--config', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  containerd.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4000);
  });
  let ended = false;
  const end = once(containerd, 'close').finally(() => {
    ended = true;
  });
  try {
    await waitUntilServing(
      () => ctr('version'),
      () => ended,
    );
    for (const image of bundle.images) {
      await ctr('images', 'import', join(bundleDir, image.path));
    }
    const present = (await ctr('images', 'list', '--quiet')).split('\n');
    const missing = bundle.images.filter((image) => !present.includes(image.name));
    if (missing.length > 0) {
      throw new Error(`containerd does not list ${missing.map((image) => image.name).join(', ')} after the import`);
    }
  } catch (error) {
    throw new Error(`${(error as Error).message}\ncontainerd said:\n${said}`);
  } finally {
    containerd.kill('SIGTERM');
    await end;
  }
}

/** Without what a store does not need: the CRI, and plug-ins that would write outside of the two folders. */
function renderConfig(root: string, runDir: string, address: string): string {
  const disabled = [
    'io.containerd.cri.v1.images',
    'io.containerd.cri.v1.runtime',
    'io.containerd.grpc.v1.cri',
    'io.containerd.internal.v1.opt',
    'io.containerd.internal.v1.tracing',
    'io.containerd.nri.v1.nri',
  ];
  return [
    'version = 3',
    `root = ${JSON.stringify(root)}`,
    `state = ${JSON.stringify(join(runDir, 'state'))}`,
    `disabled_plugins = ${JSON.stringify(disabled)}`,
    '[grpc]',
    `  address = ${JSON.stringify(address)}`,
    '',
  ].join('\n');
}

async function waitUntilServing(ask: () => Promise<unknown>, ended: () => boolean): Promise<void> {
  const deadline = performance.now() + startLimitMs;
  for (;;) {
    try {
      await ask();
      return;
    } catch (error) {
      if (ended() || performance.now() > deadline) {
        throw error;
      }
    }
    await sleep(50);
  }
}

function fileOf(bundleDir: string, bundle: Bundle, name: string): string {
  const file = bundle.files.find((candidate) => candidate.name === name);
  if (file === undefined) {
    throw new Error(`the bundle has no ${name}`);
  }
  return join(bundleDir, file.path);
}
