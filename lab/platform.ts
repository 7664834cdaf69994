import { resolve } from 'node:path';
import { ensureBase } from './base-image.ts';
import { LabError } from './errors.ts';
import { allowInotify } from './inotify.ts';
import type { LabOptions } from './options.ts';
import { ensureSoftwareLayer } from './software-layer.ts';
import type { LabState, Software } from './state.ts';

/** What every machine of a lab stands on. */
export interface Platform {
  readonly software: Software;
  readonly base: string;
  readonly layer?: string;
  readonly containerdStore?: string;
}

export async function preparePlatform(options: LabOptions, progress: (line: string) => void): Promise<Platform> {
  allowInotify(progress);
  const base = await ensureBase(progress);
  const kind = options.software ?? 'bare';
  if (kind === 'bare') return { software: { kind }, base };
  if (options.bundle === undefined) {
    throw new LabError('lab-no-bundle', `The software "${kind}" needs a bundle.`, 'Name the folder of a bundle.');
  }
  const bundle = resolve(options.bundle);
  const { layer, containerdStore } = await ensureSoftwareLayer(bundle, progress);
  return { software: { kind, bundle }, base, containerdStore, ...(kind === 'preinstalled' ? { layer } : {}) };
}

export function refuseOtherPlatform(state: LabState, platform: Platform): void {
  const same =
    state.base === platform.base &&
    state.layer === platform.layer &&
    state.containerdStore === platform.containerdStore;
  if (same && state.software.kind === platform.software.kind) return;
  throw new LabError(
    'lab-differs',
    `Lab "${state.name}" runs other software (${state.software.kind}) than asked for.`,
    `Remove it first: "lab down ${state.name}".`,
  );
}
