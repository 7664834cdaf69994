/** What the system's codes mean for a person who named a file. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of its path is a file and no directory',
  ENOENT: 'a folder on its path does not exist',
  ELOOP: 'its symbolic links lead in a circle',
  ENAMETOOLONG: 'its name is too long',
  ENOSPC: 'no space is left on the disk',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EIO: 'the disk fails',
};

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function reasonOf(error: unknown): string {
  const code = codeOf(error);
  return REASONS[code] ?? (code === '' ? (error instanceof Error ? error.message : String(error)) : code);
}

/** `X does not exist`, `X cannot be read: permission denied`; one wording wherever keelson reads a file that somebody named. */
export function cannotRead(path: string, error: unknown): string {
  return codeOf(error) === 'ENOENT' ? `${path} does not exist` : `${path} cannot be read: ${reasonOf(error)}`;
}

/** `X cannot be written: no space is left on the disk`. */
export function cannotWrite(path: string, error: unknown): string {
  return `${path} cannot be written: ${reasonOf(error)}`;
}
