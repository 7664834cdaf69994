import type { Path } from '../path.ts';
import type { ConfigRule } from './types.ts';

/** What belongs to another source than the one chosen was meant to have an effect, and would have none. */
export const softwareSource: ConfigRule = (draft) => {
  const software = draft.spec?.software;
  if (software === undefined) return [];
  const path: Path = ['spec', 'software'];
  const source = 'source' in software ? software.source : 'packages';
  // A source that is wrong by itself says nothing about the others.
  if (source === undefined) return [];
  const code = 'config.software-source';
  const found = [];
  if (source === 'bundle' && !('bundle' in software)) {
    const action = 'add bundle: with the path of the folder';
    found.push({ code, path: [...path, 'source'], message: 'is bundle, and no bundle is named', action } as const);
  }
  for (const [field, owner] of [
    ['bundle', 'bundle'],
    ['repository', 'packages'],
  ] as const) {
    if (source === owner || !(field in software)) continue;
    const message = `belongs to source: ${owner}, and the source is ${source}`;
    found.push({ code, path: [...path, field], message, action: `remove it, or set source: ${owner}` } as const);
  }
  return found;
};
