import { z } from 'zod';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
// Inside the bundle's folder, without any way out of it.
const relativePath = z.string().regex(/^(?!.*(?:^|\/)\.\.(?:\/|$))[A-Za-z0-9][A-Za-z0-9._/+-]*$/);
const absolutePath = z.string().regex(/^(?:\/(?!\.\.?(?:\/|$))[A-Za-z0-9._+-]+)+$/);

const content = {
  name: z.string(),
  version: z.string(),
  path: relativePath,
  sha256,
  sizeBytes: z.number().int().nonnegative(),
};

/** `bundle.json`: what a folder of software for machines without internet holds. */
export const BundleManifest = z.strictObject({
  apiVersion: z.literal('keelson.dev/v1alpha1'),
  kind: z.literal('Bundle'),
  kubernetesVersion: z.string().regex(/^v\d+\.\d+\.\d+$/),
  architecture: z.enum(['amd64', 'arm64']),
  files: z.array(
    z.strictObject({
      ...content,
      /** Where it belongs on a machine. */
      install: absolutePath,
      mode: z.string().regex(/^0?[0-7]{3}$/),
    }),
  ),
  images: z.array(z.strictObject(content)),
});
export type BundleManifest = z.infer<typeof BundleManifest>;

export interface Bundle {
  /** Absolute path on the operator's machine. */
  directory: string;
  manifest: BundleManifest;
}

export function programOf(manifest: BundleManifest, name: string): BundleManifest['files'][number] | undefined {
  return manifest.files.find((f) => f.name === name);
}

/** The image that containerd keeps a pod's namespaces with. */
export function sandboxImageOf(manifest: BundleManifest): string | undefined {
  return manifest.images.find((i) => /(?:^|\/)pause:/.test(i.name))?.name;
}
