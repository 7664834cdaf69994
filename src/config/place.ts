import type { Path } from './path.ts';

export interface Position {
  /** From 1 on. */
  line: number;
  column: number;
}

/** Where a value of the file stands. Offsets into its text. */
export interface Place {
  /** Of its key; absent for the root and for items of a list. */
  key?: number;
  value: number;
  /** Absent for what is no collection. */
  children?: ReadonlyMap<string | number, Place>;
}

/** Finds the places of a parsed file again. */
export interface ConfigSource {
  file: string;
  /** Of a value; of a collection's key; of the nearest thing around it for what is not in the file. */
  at: (path: Path) => Position;
}

export function offsetOf(root: Place, path: Path): number {
  let place = root;
  for (const part of path) {
    const child = place.children?.get(part);
    if (child === undefined) break;
    place = child;
  }
  return place.children === undefined ? place.value : (place.key ?? place.value);
}

export function keyOffsetOf(root: Place, path: Path): number {
  const parent = path.slice(0, -1).reduce<Place | undefined>((place, part) => place?.children?.get(part), root);
  return parent?.children?.get(path.at(-1) ?? '')?.key ?? offsetOf(root, path);
}
