/** Unchanged lines shown around a difference. */
const CONTEXT = 2;
/** Above this many lines a diff is no longer read by people: only its size is told. */
const LIMIT = 4000;

/** Lines of a unified diff (`-old`, `+new`, ` same`, `...` where lines are left out), by longest common subsequence. */
export function diffLines(before: string, after: string): string[] {
  const a = split(before);
  const b = split(after);
  if (a.length + b.length > LIMIT) return [`(${a.length} lines become ${b.length} lines)`];
  const common = table(a, b);
  const full: string[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      full.push(` ${a[i]}`);
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && at(common, i + 1, j) >= at(common, i, j + 1))) {
      full.push(`-${a[i]}`);
      i += 1;
    } else {
      full.push(`+${b[j]}`);
      j += 1;
    }
  }
  return shorten(full);
}

function split(text: string): string[] {
  if (text === '') return [];
  return text.replace(/\n$/, '').split('\n');
}

function at(common: readonly Uint16Array[], i: number, j: number): number {
  return common[i]?.[j] ?? 0;
}

function table(a: readonly string[], b: readonly string[]): Uint16Array[] {
  const rows = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    const row = rows[i];
    if (row === undefined) continue;
    for (let j = b.length - 1; j >= 0; j -= 1) {
      row[j] = a[i] === b[j] ? at(rows, i + 1, j + 1) + 1 : Math.max(at(rows, i + 1, j), at(rows, i, j + 1));
    }
  }
  return rows;
}

function shorten(full: readonly string[]): string[] {
  const keep = full.map((_, n) =>
    full.slice(Math.max(0, n - CONTEXT), n + CONTEXT + 1).some((line) => !line.startsWith(' ')),
  );
  const short: string[] = [];
  full.forEach((line, n) => {
    if (keep[n]) short.push(line);
    else if (short.at(-1) !== '...') short.push('...');
  });
  return short;
}
