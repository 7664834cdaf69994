import { createHash, randomBytes } from 'node:crypto';
import { KeelsonError } from '../model/errors.ts';
import type { FileSpec } from '../model/file.ts';
import type { HostId } from '../model/ids.ts';
import { reveal } from '../model/reveal.ts';
import { Secret } from '../model/secret.ts';
import type { CommandResult } from '../ports/host.ts';
import { checkMode, checkPath, parentsOf } from './path.ts';
import { checkPlaced } from './placed.ts';
import { PLACING, SPLIT, UNSPLIT } from './placing.ts';
import type { ShellRequest } from './remote-shell.ts';

/**
 * Arguments: a word for temporary names, the folders, then PATH MODE BYTES SHA256 for each file; the contents follow one another on
 * stdin. All files lie beside their targets, checked and on the disk, before the first one takes its place.
 *
 * Under `set -C` a redirection opens a new file with O_EXCL. It runs under the machine's lock, so that any other temporary file
 * of this kind is a leftover.
 */
const PUT = [
  'w=$1 umask 077; set -C; S=',
  PLACING,
  `${SPLIT}; folders $2; ${UNSPLIT}; shift 2; N=$(( $# / 4 ))`,
  'sweep() { for x in "$1"/.keelson-tmp-*; do [ -f "$x" ] && rm -f -- "$x"; done; }',
  'clean() { while [ $# -gt 3 ]; do sweep "${1%/*}"; shift 4; done; }',

  // First look at all of them.
  'i=0; while [ $i -lt $N ]; do i=$((i+1)); target "$1"',
  'if [ -f "$1" ] && [ "$(stat -c %a:%g -- "$1")" = "$2:0" ] && [ "$(sha256sum <"$1")" = "$4  -" ]; then S=${S}u; else S=${S}w; sweep "${1%/*}"; fi',
  'set -- "$@" "$1" "$2" "$3" "$4"; shift 4; done',

  // Then write those that differ.
  `trap 'clean "$@"; exit 143' TERM INT HUP`,
  'R=$S i=0; while [ $i -lt $N ]; do i=$((i+1)); p=$1 m=$2 b=$3 h=$4; shift 4; set -- "$@" "$p" "$m" "$b" "$h"',
  'case $R in u*) head -c "$b" >/dev/null;; *) t=${p%/*}/.keelson-tmp-$w.$i',
  `if ! true >"$t"; then (failed "$p" "$b"); c=$?; clean "$@"; exit $c; fi`,
  '[ "$m" = 600 ] || chmod "$m" -- "$t"; [ -G "$t" ] || chgrp 0 -- "$t"',
  'if ! head -c "$b" >|"$t" || ! sync -- "$t"; then (failed "$p" "$b"); c=$?; clean "$@"; exit $c; fi',
  `if [ "$(sha256sum <"$t")" != "$h  -" ]; then printf 'cut|%s\\n' "$p"; clean "$@"; exit 5; fi;;`,
  'esac; R=${R#?}; done',

  // And put them in their places, in order.
  'R=$S i=0; while [ $i -lt $N ]; do i=$((i+1)); p=$1; set -- "$@" "$1" "$2" "$3" "$4"; shift 4',
  `case $R in w*) mv -fT -- "\${p%/*}/.keelson-tmp-$w.$i" "$p" || { printf 'failed|%s\\n' "$p"; clean "$@"; exit 5; };; esac; R=\${R#?}; done`,
  'R=$S q=; while [ $# -gt 3 ]; do case $R in w*) [ "${1%/*}" = "$q" ] || sync -- "${1%/*}/" || failed "$1" 0; q=${1%/*};; esac; R=${R#?}; shift 4; done',
  `printf 'done|%s\\n' "$S"`,
].join('\n');

export interface PutFiles {
  request: ShellRequest;
  readonly outcomeOf: (result: CommandResult) => readonly ('unchanged' | 'written')[];
}

export function putFilesRequest(host: HostId, files: readonly FileSpec[]): PutFiles {
  const contents: Buffer[] = [];
  const words: string[] = [];
  for (const { path, mode, content } of files) {
    checkPath(path);
    checkMode(mode);
    const bytes = Buffer.from(content instanceof Secret ? reveal(content) : content);
    contents.push(bytes);
    words.push(path, mode, String(bytes.length), createHash('sha256').update(bytes).digest('hex'));
  }
  const folders = [...new Set(files.flatMap((file) => parentsOf(file.path)))];
  return {
    request: {
      argv: ['sh', '-c', PUT, 'sh', randomBytes(8).toString('hex'), folders.join('\n'), ...words],
      stdin: Buffer.concat(contents),
      timeoutMs: 60_000,
      outputLimit: 256 * 1024,
    },
    outcomeOf: (result) => {
      checkPlaced(host, result);
      const states = /^done\|([uw]*)$/m.exec(result.stdout)?.[1] ?? '';
      if (states.length !== files.length) {
        throw new KeelsonError('host.command-failed', `placing files on ${host} gave no account of them`, { host });
      }
      return states.split('').map((state) => (state === 'u' ? 'unchanged' : 'written'));
    },
  };
}
