import type { z } from 'zod';
import type { Path } from './path.ts';
import type { ClusterFile } from './schema.ts';

/** The same shape with everything possibly missing. */
export type Draft<T> = T extends readonly (infer E)[]
  ? readonly (Draft<E> | undefined)[]
  : T extends object
    ? { readonly [K in keyof T]?: Draft<T[K]> | undefined }
    : T | undefined;

/**
 * The file without the fields that are wrong by themselves, and without defaults: the cross-field rules judge what is left, so
 * that all problems are reported at once.
 */
export type ConfigDraft = Draft<z.input<typeof ClusterFile>>;

/** A field's value or default; undefined when it was given and is wrong by itself. */
export function valueOr<T extends object, K extends keyof T, D>(section: T | undefined, key: K, missing: D): T[K] | D {
  return section !== undefined && key in section ? section[key] : missing;
}

export function draftOf(value: unknown, wrong: readonly Path[]): ConfigDraft {
  // Everything that the schema objects to is at one of these paths; what remains has the right type.
  if (wrong.some((path) => path.length === 0)) return {};
  const copy = structuredClone(value);
  for (const path of wrong) remove(copy, path);
  return copy as ConfigDraft;
}

function remove(root: unknown, path: Path): void {
  let parent = root;
  for (const part of path.slice(0, -1)) parent = child(parent, part);
  const last = path.at(-1);
  // Items of a list stay, so that the others keep their indexes and are counted right.
  if (isObject(parent) && last !== undefined && Object.hasOwn(parent, last)) parent[last] = undefined;
}

function child(parent: unknown, part: string | number): unknown {
  return isObject(parent) && Object.hasOwn(parent, part) ? parent[part] : undefined;
}

function isObject(value: unknown): value is Record<string | number, unknown> {
  return typeof value === 'object' && value !== null;
}
