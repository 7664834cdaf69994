/** A line of the loop: `MARKER WORD WORD`. */
export interface MarkedLine {
  word: string;
  value: string;
}

export interface OutputSplitter {
  readonly push: (chunk: Buffer) => void;
  /** What came since the last marked line, at most `limit` bytes of its end. */
  readonly tail: (limit: number) => Buffer;
}

// "\n" MARKER " " WORD " " VALUE "\n"; words are ids, exit codes and the like.
const LONGEST_LINE = 64;

/**
 * Cuts one stream at the marked lines. `onLine` gets what stood before the line. `onExcess` is called once when more than `limit()`
 * bytes came without a marked line; from then on nothing is kept.
 */
export function createSplitter(
  marker: string,
  limit: () => number,
  onLine: (line: MarkedLine, before: Buffer) => void,
  onExcess: () => void,
): OutputSplitter {
  const sought = Buffer.from(`\n${marker} `);
  let data = Buffer.alloc(16 * 1024);
  let length = 0;
  let spoiled = false;

  function append(chunk: Buffer): void {
    if (length + chunk.length > data.length) {
      const larger = Buffer.alloc(Math.max(data.length * 2, length + chunk.length));
      data.copy(larger, 0, 0, length);
      data = larger;
    }
    chunk.copy(data, length);
    length += chunk.length;
  }

  function consume(end: number): void {
    data.copy(data, 0, end, length);
    length -= end;
  }

  function push(chunk: Buffer): void {
    if (spoiled) return;
    // The beginning of a marked line may have come already, with or without the end of its marker.
    let from = Math.max(0, length - sought.length - LONGEST_LINE);
    append(chunk);
    for (;;) {
      const at = data.subarray(0, length).indexOf(sought, from);
      if (at < 0) break;
      const begin = at + sought.length;
      const end = data.subarray(0, length).indexOf(10, begin);
      if (end < 0) {
        // The rest of the line has yet to come. A line that never ends is excess like any other.
        if (length - at <= LONGEST_LINE + sought.length) return;
        break;
      }
      const [word = '', value = ''] = data.toString('latin1', begin, end).split(' ');
      const before = Buffer.from(data.subarray(0, at));
      consume(end + 1);
      from = 0;
      onLine({ word, value }, before);
    }
    if (length <= limit() + LONGEST_LINE + sought.length) return;
    spoiled = true;
    data = Buffer.alloc(0);
    length = 0;
    onExcess();
  }

  return {
    push,
    tail: (most) => Buffer.from(data.subarray(Math.max(0, length - most), length)),
  };
}
