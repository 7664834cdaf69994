/** Remembers a pure function's answers. Rendering and parsing would else cost more than all the rest of a simulated run. */
export function remembered<V>(make: (key: string) => V, limit = 5_000): (key: string) => V {
  const known = new Map<string, V>();
  return (key) => {
    const old = known.get(key);
    if (old !== undefined) return old;
    const made = make(key);
    if (known.size >= limit) known.clear();
    known.set(key, made);
    return made;
  };
}
