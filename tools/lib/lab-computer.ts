import { type BundleContent, ensureBundle, type ReadyBundle } from '../../lab/bundle/index.ts';
import { installPrerequisites, type MissingPrerequisite } from '../../lab/index.ts';

export type LabComputer =
  | { readonly is: 'ready'; readonly bundle: ReadyBundle }
  | { readonly is: 'unfit'; readonly missing: readonly MissingPrerequisite[] };

/** Installs and builds whatever lab machines need and this computer lacks. The first time takes some minutes. */
export async function prepareLabComputer(
  progress: (line: string) => void,
  content: BundleContent = 'etcd',
): Promise<LabComputer> {
  const missing = await installPrerequisites(progress, content);
  if (missing.length > 0) return { is: 'unfit', missing };
  return { is: 'ready', bundle: await ensureBundle({ content, progress }) };
}

export function describeMissing(missing: readonly MissingPrerequisite[]): string[] {
  return missing.flatMap(({ code, what, fix }) => [`${code}: ${what}`, `  ${fix}`]);
}
