// Shell functions that the scripts which place files share. They speak to the adapter by lines `WORD|PATH|...` on stdout.

/** `refuse PATH WHY` */
const REFUSE = `refuse() { printf 'refused|%s|%s\\n' "$1" "$2"; exit 3; }`;

/** `full PATH BYTES`: is there no room for so many bytes, or for one more file, beside it? A folder of it that is missing has none. */
export const FULL = [
  `full() { (IFS=' '; q=$1 b=$2; while [ ! -d "\${q%/*}/" ]; do q=\${q%/*}; done`,
  `set -- $(stat -f -c '%f %S %d %c %b' -- "\${q%/*}/" 2>/dev/null || echo 1048576 4096 1 0 0)`,
  // ext4 counts as free what it keeps for itself: a fiftieth, at most 4096 blocks.
  'k=$(( $5 / 50 )); [ $k -le 4096 ] || k=4096',
  '[ $(( ($1 - k) * $2 )) -lt $(( b + 65536 )) ] || { [ "$4" -gt 0 ] && [ "$3" -eq 0 ]; }); }',
].join('\n');

/**
 * `failed PATH BYTES`: a write has failed: for want of room, or for another reason. Numbers tell, not the message: they need no
 * language. To be called before the half-written file is removed, also where arguments are split at newlines alone.
 */
const FAILED = [
  FULL,
  `failed() { ! full "$1" "$2" || { printf 'full|%s|%s\\n' "$1" "$(stat -c %m -- "\${1%/*}/")"; exit 4; }`,
  `printf 'failed|%s\\n' "$1"; exit 5; }`,
].join('\n');

/**
 * `folders FOLDER...`, from the root down: each is made if it is missing, and otherwise must be such that nobody but root can replace
 * what is in it. Since each one is looked at before the next, nobody can change one meanwhile.
 */
const FOLDERS = [
  'folders() {',
  'for d do',
  'if [ -L "$d" ]; then refuse "$d" "is a symbolic link"; fi',
  '[ -e "$d" ] || break',
  '[ -d "$d" ] || refuse "$d" "is not a folder"',
  '[ -O "$d" ] || refuse "$d" "does not belong to root"',
  'done',
  'd=$(find "$@" -maxdepth 0 -perm -0002 ! -perm -1000 -print -quit 2>/dev/null)',
  '[ -z "$d" ] || refuse "$d" "can be written by everybody"',
  'for d do [ -d "$d" ] && continue',
  '(umask 022; mkdir -- "$d") 2>/dev/null || [ -d "$d" ] || failed "$d" 0',
  '[ -G "$d" ] || chgrp 0 -- "$d"; sync -- "${d%/*}/" "$d"; done; }',
].join('\n');

/** `target PATH`: what is there may be replaced. */
const TARGET = [
  'target() {',
  'if [ -L "$1" ]; then refuse "$1" "is a symbolic link"; fi',
  '[ -e "$1" ] || return 0',
  '[ -f "$1" ] || refuse "$1" "is not a regular file"',
  '[ -O "$1" ] || refuse "$1" "does not belong to root"; }',
].join('\n');

/** Splits an argument at its newlines, which no path holds. */
export const SPLIT = `IFS='\n'; set -f`;
export const UNSPLIT = `IFS=' '; set +f`;

export const PLACING = [REFUSE, FAILED, FOLDERS, TARGET].join('\n');
