/** Unchanged lines shown around a difference. */
const CONTEXT = 2;
/** Above this many lines a diff is no longer read by people: only its size is told. */
const LIMIT = 4000;

/** Lines of a unified diff (`-old`, `+new`, ` same`, `...` where lines are left out), by longest common subsequence. */
export function diffLines(before: string, after: string): string[] {
  const a = split(before);
  const b = split(after);
  if (a.length + b.length > LIMIT) return [`(${a.length} lines become ${b.length} lines)`];
  if (a.length === 0) return b.map((line) => `+${line}`);
  const same = commonStart(a, b);
  const common = table(a, b, same);
  const full = a.slice(0, same).map((line) => ` ${line}`);
  let i = same;
  let j = same;
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

/** How many lines both begin with. */
function commonStart(a: readonly string[], b: readonly string[]): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n += 1;
  return n;
}

function at(common: readonly Uint16Array[], i: number, j: number): number {
  return common[i]?.[j] ?? 0;
}

/** The longest common subsequence of what follows line i of one and line j of the other, from the first difference on. */
function table(a: readonly string[], b: readonly string[], from: number): Uint16Array[] {
  const rows = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= from; i -= 1) {
    const [row, below] = [rows[i], rows[i + 1]];
    if (row === undefined || below === undefined) continue;
    for (let j = b.length - 1; j >= from; j -= 1) {
      row[j] = a[i] === b[j] ? (below[j + 1] ?? 0) + 1 : Math.max(below[j] ?? 0, row[j + 1] ?? 0);
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
