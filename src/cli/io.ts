/** A stream that people or programs read. The process's own streams fit; tests give a recorder. */
export interface Output {
  readonly write: (text: string) => void;
  readonly isTTY: boolean;
  /** Columns and rows now; 80 by 24 when it is not a terminal. */
  readonly size: () => { columns: number; rows: number };
  /** Calls back at each resize, until the returned function is called. */
  readonly onResize: (changed: () => void) => () => void;
}

/** All that the command line sees of its process. */
export interface Io {
  stdout: Output;
  stderr: Output;
  /** The whole standard input: for `-f -`. */
  readStdin: () => Promise<string>;
  /** Questions may be asked: both standard input and standard error are terminals. */
  interactive: boolean;
  env: Readonly<Record<string, string | undefined>>;
  now: () => Date;
  monotonicMs: () => number;
}

/** Recorded output, for tests and for the reference page. */
export function recorder(columns = 100, isTTY = false): Output & { text: () => string } {
  let text = '';
  return {
    write: (more) => {
      text += more;
    },
    isTTY,
    size: () => ({ columns, rows: 24 }),
    onResize: () => () => undefined,
    text: () => text,
  };
}
