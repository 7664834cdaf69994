import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** `bundle.json`: what a bundle folder holds. Its reader is keelson, which checks every digest before it uses a file. */
export interface Bundle {
  readonly apiVersion: 'keelson.dev/v1alpha1';
  readonly kind: 'Bundle';
  readonly kubernetesVersion: string;
  readonly architecture: Architecture;
  readonly files: readonly BundleFile[];
  readonly images: readonly BundleImage[];
}

export type Architecture = 'amd64' | 'arm64';

/** A program and where it belongs on a host. */
export interface BundleFile extends BundleItem {
  /** Absolute path on a host. */
  readonly install: string;
  /** Permission bits in octal, for example `0755`. */
  readonly mode: string;
}

/** An image as a docker-archive; `name` is the full reference with its tag. */
export interface BundleImage extends BundleItem {}

interface BundleItem {
  readonly name: string;
  readonly version: string;
  /** Relative to the folder of `bundle.json`. */
  readonly path: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

export const manifestName = 'bundle.json';

/** Writes `bundle.json`, in an order that does not depend on which build ended first. */
export async function writeManifest(dir: string, bundle: Bundle): Promise<void> {
  const ordered = { ...bundle, files: byPath(bundle.files), images: byPath(bundle.images) };
  await writeFile(join(dir, manifestName), `${JSON.stringify(ordered, null, 2)}\n`, { flag: 'wx' });
}

/**
 * The manifest of a finished bundle, or undefined when there is none or a file of it is missing or has another size.
 * Sizes and not digests: this is asked at each start of a lab, and the folder was complete when it got its name.
 */
export async function readFinished(dir: string): Promise<Bundle | undefined> {
  let bundle: Bundle;
  try {
    bundle = JSON.parse(await readFile(join(dir, manifestName), 'utf8')) as Bundle;
    for (const item of [...bundle.files, ...bundle.images]) {
      if ((await stat(join(dir, item.path))).size !== item.sizeBytes) {
        return undefined;
      }
    }
  } catch {
    return undefined;
  }
  return bundle;
}

function byPath<T extends BundleItem>(items: readonly T[]): readonly T[] {
  return [...items].sort((a, b) => (a.path < b.path ? -1 : 1));
}
