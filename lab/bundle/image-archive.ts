import { rm } from 'node:fs/promises';
import type { FileDigest } from './digest.ts';
import { sha256, writeDigested } from './digest.ts';
import type { TarEntry } from './tar.ts';
import { tarBytes } from './tar.ts';

/** A container image of one layer. */
export interface ImageSpec {
  /** The full name with its tag, for example `registry.k8s.io/pause:3.10.2`. */
  readonly reference: string;
  readonly architecture: string;
  readonly entrypoint: readonly string[];
  readonly user?: string;
  readonly environment?: readonly string[];
  readonly entries: readonly TarEntry[];
}

/** There is no moment at which such an image was made: equal content must have an equal digest. */
const noTime = '1970-01-01T00:00:00Z';

/**
 * Writes a docker-archive (what `docker save` writes and `ctr images import` reads) to a new file. Nothing is compressed:
 * hosts of a lab share the processors with the computer, and unpacking would cost each of them more than copying.
 */
export async function writeImageArchive(path: string, spec: ImageSpec): Promise<FileDigest> {
  const layerPath = `${path}.layer`;
  try {
    const layer = await writeDigested(layerPath, tarBytes(spec.entries));
    const config = JSON.stringify(imageConfig(spec, layer.sha256));
    const configName = `${sha256(config)}.json`;
    const layerName = `${layer.sha256}/layer.tar`;
    const manifest = [{ Config: configName, RepoTags: [spec.reference], Layers: [layerName] }];
    return await writeDigested(
      path,
      tarBytes([
        { type: 'file', path: 'manifest.json', mode: 0o644, content: JSON.stringify(manifest) },
        { type: 'file', path: configName, mode: 0o644, content: config },
        { type: 'directory', path: layer.sha256, mode: 0o755 },
        { type: 'file', path: layerName, mode: 0o644, from: layerPath },
      ]),
    );
  } finally {
    await rm(layerPath, { force: true });
  }
}

function imageConfig(spec: ImageSpec, layerSha256: string) {
  return {
    architecture: spec.architecture,
    os: 'linux',
    created: noTime,
    config: {
      ...(spec.user === undefined ? {} : { User: spec.user }),
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...(spec.environment ?? [])],
      Entrypoint: spec.entrypoint,
      WorkingDir: '/',
    },
    rootfs: { type: 'layers', diff_ids: [`sha256:${layerSha256}`] },
    history: [{ created: noTime, created_by: 'keelson lab' }],
  };
}
