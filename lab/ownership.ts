import { existsSync, readFileSync } from 'node:fs';
import { LabError } from './errors.ts';
import { kernelNames, labPaths } from './paths.ts';

// A lab's kernel objects are named after the lab alone, and its folder lies in a user's own cache. So that nobody takes the lab
// of another cache for their own, the bridge, which is made first and removed with the rest, has the folder as its alias.

/** The folder of the lab that runs under this name from another cache; undefined where none does. */
export function foreignFolder(lab: string, alias: (bridge: string) => string = readAlias): string | undefined {
  const folder = alias(kernelNames(lab).bridge);
  // Where the folder is gone nobody else can remove what is left.
  return folder === '' || folder === labPaths(lab).directory || !existsSync(folder) ? undefined : folder;
}

export function refuseForeign(lab: string, alias?: (bridge: string) => string): void {
  const folder = foreignFolder(lab, alias);
  if (folder === undefined) return;
  throw new LabError(
    'lab-of-another-cache',
    `A lab "${lab}" runs on this computer already: that of ${folder}.`,
    `Use another name, or set KEELSON_CACHE to the folder that labs/${lab} is in.`,
  );
}

function readAlias(bridge: string): string {
  try {
    return readFileSync(`/sys/class/net/${bridge}/ifalias`, 'utf8').trim();
  } catch {
    return ''; // no such bridge
  }
}
