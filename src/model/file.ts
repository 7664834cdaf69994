import type { Secret } from './secret.ts';

/** A file as it must be on a machine. Owner and group are root. */
export interface FileSpec {
  /** Absolute path without `..`. */
  path: string;
  content: string | Secret;
  /** Octal digits as `stat -c %a` prints them: `600`. */
  mode: string;
}

/** What is at a path on a machine. */
export type FileFact =
  | { is: 'absent' }
  | {
      is: 'file' | 'directory' | 'symlink' | 'other';
      mode: string;
      owner: string;
      group: string;
      size: number;
      inode: number;
      /** Seconds since 1970, with a fraction. */
      mtime: number;
      /** Hexadecimal; files only. */
      sha256?: string;
    };
