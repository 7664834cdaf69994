import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterConfig } from '../config/schema.ts';
import { BundleManifest } from '../desired/bundle.ts';
import { nodesOf } from '../desired/nodes.ts';
import type { Software } from '../desired/types.ts';
import { asKeelsonError, KeelsonError } from '../model/errors.ts';
import { cannotRead } from '../model/file-error.ts';
import type { Finding } from '../model/finding.ts';
import { resolvePath } from './paths.ts';

interface ReadSoftware {
  software: Software;
  /** Why it was not read: `software` is then a stand-in, which nothing may be planned from. */
  softwareUnread?: Finding;
}

export async function softwareOf(
  need: 'required' | 'if-readable' | 'unread' = 'required',
  config: ClusterConfig,
  folder: string,
): Promise<ReadSoftware> {
  if (need === 'required') return { software: await readSoftware(config, folder) };
  try {
    if (need === 'if-readable') return { software: await readSoftware(config, folder) };
    throw new KeelsonError('software.bundle', 'the software’s source was not looked at');
  } catch (error) {
    const { code, message, action } = asKeelsonError(error);
    return { software: { source: 'preinstalled' }, softwareUnread: { code, severity: 'error', message, action } };
  }
}

/** Reads what the configuration says about software: the bundle's manifest, or the repository's key. Nothing is checked by hash here. */
async function readSoftware(config: ClusterConfig, folder: string): Promise<Software> {
  const { software, kubernetesVersion } = config.spec;
  if (software.source === 'preinstalled') return { source: 'preinstalled' };
  if (software.source === 'packages') return { source: 'packages', repository: await readRepository(config, folder) };
  const directory = resolvePath(software.bundle ?? 'bundle', folder);
  const file = join(directory, 'bundle.json');
  const parsed = BundleManifest.safeParse(parseJson(await readText(file, 'software.bundle'), file));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new KeelsonError(
      'software.bundle',
      `${file} is no bundle of this version: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
      { where: file },
    );
  }
  if (parsed.data.kubernetesVersion !== kubernetesVersion) {
    throw new KeelsonError(
      'software.bundle',
      `${file} holds Kubernetes ${parsed.data.kubernetesVersion}; the configuration wants ${kubernetesVersion}`,
      { where: file },
    );
  }
  if (needsFlannel(config) && !parsed.data.files.some(({ install }) => install === FLANNEL_PLUGIN)) {
    throw new KeelsonError(
      'software.bundle',
      `${file} was made for etcd alone: nothing in it goes to ${FLANNEL_PLUGIN}`,
      {
        where: file,
        action: 'Make a bundle for whole clusters: npm run bundle -- --content cluster.',
      },
    );
  }
  return { source: 'bundle', bundle: { directory, manifest: parsed.data } };
}

const FLANNEL_PLUGIN = '/opt/cni/bin/flannel';

/** From the bundle, where there is one: no pod of flannel brings the plug-in then. */
function needsFlannel(config: ClusterConfig): boolean {
  return config.spec.network.cni.kind === 'flannel' && nodesOf(config).length > 0;
}

async function readRepository(config: ClusterConfig, folder: string): Promise<{ url: string; signingKey: string }> {
  const { repository } = config.spec.software;
  const url = repository.url;
  if (repository.signingKey !== undefined)
    return { url, signingKey: await readText(resolvePath(repository.signingKey, folder), 'software.repository') };
  const keyUrl = new URL('Release.key', url.endsWith('/') ? url : `${url}/`);
  try {
    const response = await fetch(keyUrl, { signal: AbortSignal.timeout(10_000) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return { url, signingKey: await response.text() };
  } catch (error) {
    throw new KeelsonError('software.repository', `the repository's signing key ${keyUrl.href} could not be fetched`, {
      cause: error,
    });
  }
}

async function readText(file: string, code: 'software.bundle' | 'software.repository'): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new KeelsonError(code, cannotRead(file, error), { where: file, cause: error });
  }
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new KeelsonError('software.bundle', `${file} is not JSON`, { where: file, cause: error });
  }
}
