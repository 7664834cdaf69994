import { cp, rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultKubernetesVersion, ensureBundle, ensureBundleWithoutStore } from './index.ts';
import { readFinished } from './manifest.ts';

const usage = `usage: npm run bundle -- [--content C] [--kubernetes-version V] [--out DIR]

Builds the software bundle in the cache, or finds it there, and prints its folder.

  --content C              etcd (default), or cluster: also the control plane, kube-proxy, CoreDNS, kubectl and flannel
  --kubernetes-version V   default ${defaultKubernetesVersion}
  --out DIR                copies the bundle to DIR, which must not exist or hold a bundle
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      content: { type: 'string', default: 'etcd' },
      'kubernetes-version': { type: 'string', default: defaultKubernetesVersion },
      out: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const progress = (line: string) => process.stderr.write(`bundle: ${line}\n`);
  const { content } = values;
  if (content !== 'etcd' && content !== 'cluster') {
    throw new Error(`--content ${content}: there are etcd and cluster`);
  }
  const request = { content, kubernetesVersion: values['kubernetes-version'], progress } as const;
  const root = process.getuid?.() === 0;
  if (!root) {
    progress('not root: the image store for lab machines is not made');
  }
  const { dir } = root ? await ensureBundle(request) : await ensureBundleWithoutStore(request);
  process.stdout.write(`${values.out === undefined ? dir : await copyBundle(dir, resolve(values.out))}\n`);
}

/** Copies to a folder of another name first, so that DIR is never half a bundle. */
async function copyBundle(from: string, to: string): Promise<string> {
  const replaced = await readFinished(to);
  const unfinished = `${to}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await cp(from, unfinished, { recursive: true, preserveTimestamps: true });
  if (replaced !== undefined) {
    await rm(to, { recursive: true });
  }
  // Refused by the system when DIR exists and is not empty.
  await rename(unfinished, to);
  return to;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`bundle: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
