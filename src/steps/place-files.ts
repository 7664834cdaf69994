import type { FileSpec } from '../model/file.ts';
import type { HostId } from '../model/ids.ts';
import { ownByRoot } from '../ports/commands/files.ts';
import type { World } from '../ports/world.ts';
import { factOf } from './compare.ts';
import { must } from './must.ts';
import type { View } from './types.ts';

/**
 * Puts files in their places. An adapter replaces no file that belongs to somebody else; where the plan has shown such an owner, the file
 * is made root's first.
 */
export async function placeFiles(world: World, view: View, on: HostId, files: readonly FileSpec[]): Promise<void> {
  const { at } = factOf(view, on, 'files');
  const foreign = files
    .map((file) => file.path)
    .filter((path) => {
      const fact = at.get(path);
      return fact?.is === 'file' && fact.owner !== 'root';
    });
  if (foreign.length > 0) await must(world, ownByRoot(foreign));
  await world.host.putFiles(files, world.signal);
}
