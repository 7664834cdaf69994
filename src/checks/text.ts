const LONGEST = 160;

/** What others said, fit for a sentence of ours: one line, no control characters, not endless, no full stop. */
export function said(text: string): string {
  const line = text
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .replace(/\.$/, '');
  return line.length <= LONGEST ? line : `${line.slice(0, LONGEST - 1)}…`;
}

/** `1.5 GiB`, `300 MiB`. */
export function size(bytes: number): string {
  const mebibytes = bytes / 2 ** 20;
  if (mebibytes >= 1024) return `${round(mebibytes / 1024)} GiB`;
  return `${mebibytes >= 10 ? Math.floor(mebibytes) : round(mebibytes)} MiB`;
}

function round(value: number): number {
  return Math.floor(value * 10) / 10;
}

/** `0.4 s`, `75 s`, `12 min`, `3 h`. */
export function span(ms: number): string {
  const seconds = Math.abs(ms) / 1000;
  if (seconds < 120) return `${Math.round(seconds * 10) / 10} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

/** `a`, `a and b`, `a, b and c`; a long list is cut. */
export function list(words: readonly string[], most = 5): string {
  const shown = words.length > most ? [...words.slice(0, most - 1), `${words.length - most + 1} more`] : words;
  if (shown.length < 2) return shown.join('');
  return `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}

export function plural(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`;
}
