/**
 * Remembers the answers of a pure function of one text. Facts are judged again and again while a step settles, and parsing the same
 * certificate or manifest costs far more than looking it up. At `limit` answers it forgets all.
 */
export function remembered<V>(make: (text: string) => V, limit = 1_000): (text: string) => V {
  const known = new Map<string, V>();
  return (text) => {
    const old = known.get(text);
    if (old !== undefined) return old;
    const made = make(text);
    if (known.size >= limit) known.clear();
    known.set(text, made);
    return made;
  };
}
