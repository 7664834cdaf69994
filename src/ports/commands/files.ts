import { type ReadCommand, readCommand, script, type WriteCommand, writeCommand } from '../command.ts';

/**
 * What is at each path: `TYPE|MODE|OWNER|GROUP|SIZE|INODE|MTIME|PATH` for those that exist, then `sha256sum` lines for the regular
 * files. Symbolic links are not followed.
 */
export function inspectFiles(paths: readonly string[]): ReadCommand {
  const text = [
    `stat --printf='%F|%a|%U|%G|%s|%i|%.Y|%n\\n' -- "$@" 2>/dev/null`,
    'n=$#; for f do [ -f "$f" ] && [ ! -L "$f" ] && set -- "$@" "$f"; done; shift "$n"',
    '[ $# -eq 0 ] || sha256sum -- "$@"',
    'exit 0',
  ].join('\n');
  return readCommand('inspect-files', script(text, paths), { timeoutMs: 30_000 });
}

/**
 * `stamp|PATH|SHA256|SIZE|INODE|MTIME|CTIME` for what keelson recorded when it placed large files, then
 * `now|PATH|SIZE|INODE|MTIME|CTIME` for what is there, now, at these paths and at the given ones: equal numbers mean an unchanged file without reading it (no program can set a ctime).
 */
export function inspectArtefacts(stamps: string, paths: readonly string[]): ReadCommand {
  const text = [
    's=$1; shift; export LC_ALL=C',
    `sed 's/^/stamp|/' "$s" 2>/dev/null`,
    `{ printf '%s\\n' "$@"; cut -d'|' -f1 "$s"; } 2>/dev/null | xargs -r -d '\\n' stat --printf='now|%n|%s|%i|%.Y|%.Z\\n' -- 2>/dev/null`,
    'exit 0',
  ].join('\n');
  return readCommand('inspect-artefacts', script(text, [stamps, ...paths]));
}

const READ_LIMIT_BYTES = 256 * 1024;

/** `PATH|BASE64` for each regular file that exists, cut at 256 KiB. Never used for private keys. */
export function readFiles(paths: readonly string[]): ReadCommand {
  // Each process that a machine starts for a plan is paid for: a second one to cut the file only where there is something to cut.
  const text = [
    "nl='\n'",
    `large="$nl$(find "$@" -maxdepth 0 -type f -size +${READ_LIMIT_BYTES - 1}c 2>/dev/null)$nl"`,
    'for f do [ -f "$f" ] && [ ! -L "$f" ] || continue',
    `printf '%s|' "$f"; case $large in *"$nl$f$nl"*) head -c ${READ_LIMIT_BYTES} -- "$f" | base64 -w0 ;; *) base64 -w0 -- "$f" ;; esac; echo; done`,
    'exit 0',
  ].join('\n');
  return readCommand('read-files', script(text, paths), { outputLimit: 8 * 1024 * 1024 });
}

/** `TYPE|MODE|OWNER|PATH` for all that is below the folders, two levels deep; a missing folder prints nothing. */
export function listDirectories(paths: readonly string[]): ReadCommand {
  const text = `find "$@" -mindepth 1 -maxdepth 2 -printf '%y|%m|%u|%p\\n' 2>/dev/null | head -n 2000; exit 0`;
  return readCommand('list-directories', script(text, paths));
}

/** `PATH|SHA256` of the SubjectPublicKeyInfo that belongs to each private key; the key itself never leaves the machine. */
export function publicKeys(paths: readonly string[]): ReadCommand {
  const text = [
    'command -v openssl >/dev/null || exit 0',
    // What sha256sum says of no bytes at all: openssl could not read the key.
    'nothing=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'for f do [ -f "$f" ] || continue; h=$(openssl pkey -in "$f" -passin pass: -pubout -outform DER 2>/dev/null | sha256sum)',
    `[ "\${h%% *}" = "$nothing" ] || printf '%s|%s\\n' "$f" "\${h%% *}"; done`,
    'exit 0',
  ].join('\n');
  return readCommand('public-keys', script(text, paths));
}

/** Makes a folder, and its parents with 0755, owned by root; sets the mode of one that exists. */
export function makeDirectory(path: string, mode: string): WriteCommand {
  return writeCommand('make-directory', ['install', '-d', '-o', 'root', '-g', 'root', '-m', mode, '--', path]);
}

/** Gives files to root. A symbolic link is not followed. */
export function ownByRoot(paths: readonly string[]): WriteCommand {
  return writeCommand('own-by-root', ['chown', '-h', 'root:root', '--', ...paths]);
}

/** Removes files and folders with all they hold. The caller names only what keelson made. */
export function removePaths(paths: readonly string[]): WriteCommand {
  return writeCommand('remove-paths', ['rm', '-rf', '--one-file-system', '--', ...paths], { timeoutMs: 60_000 });
}
