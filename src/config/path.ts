/** Where in the configuration: keys and indexes from the root on. */
export type Path = readonly (string | number)[];

/** `spec.hosts[1].address`; a key that is no plain word is shown in brackets and quotes. */
export function formatPath(path: Path): string {
  if (path.length === 0) return 'document';
  return path.map((part, index) => formatPart(part, index === 0)).join('');
}

function formatPart(part: string | number, first: boolean): string {
  if (typeof part === 'number') return `[${part}]`;
  if (!/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/.test(part)) return `[${quote(part)}]`;
  return first ? part : `.${part}`;
}

const SHOWN = 60;

/** A value as it may be shown on a terminal: on one line, bounded, and without anything that a terminal obeys or hides. */
export function quote(value: unknown): string {
  // A private key that was pasted for a public one stays out of terminals and logs.
  if (typeof value === 'string' && /SECRET|PRIVATE KEY/i.test(value)) return '[redacted]';
  if (typeof value !== 'string') return JSON.stringify(value) ?? String(value);
  const characters = Array.from(value.slice(0, SHOWN + 1));
  const shown = JSON.stringify(characters.slice(0, SHOWN).join('')).replace(
    /[^\x20-\x7e\p{L}\p{M}\p{N}\p{P}\p{S}]/gu,
    escapeCharacter,
  );
  return characters.length > SHOWN || value.length > SHOWN + 1 ? `${shown}...` : shown;
}

function escapeCharacter(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
