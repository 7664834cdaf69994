import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { KeelsonError } from '../model/errors.ts';
import { cannotRead } from '../model/file-error.ts';
import type { HostId } from '../model/ids.ts';
import type { Artefact } from '../ports/host.ts';
import type { WriteBinding } from '../ports/machine.ts';
import { checkMode, checkPath, parentsOf } from './path.ts';
import { checkPlaced } from './placed.ts';
import { PLACING, SPLIT, UNSPLIT } from './placing.ts';
import type { ShellRequest } from './remote-shell.ts';

/** A line of the stamp file for what is at a path now; the same numbers as `inspectArtefacts` prints. */
const STAMP = `stamp() { stat -c '%s|%i|%.Y|%.Z' -- "$1"; }`;

/** STAMPS PATH MODE SHA256 BYTES -> `same`, `hash` (as long as it should be) or `send`. */
const LOOK = [
  's=$1 p=$2 m=$3 h=$4 b=$5',
  STAMP,
  'if [ -L "$p" ] || [ ! -f "$p" ]; then echo send; exit 0; fi',
  `set -- $(stat -c '%a:%u:%g %s' -- "$p")`,
  'if [ "$1" = "$m:0:0" ] && grep -Fxq -- "$p|$h|$(stamp "$p")" "$s" 2>/dev/null; then echo same',
  'elif [ "$2" = "$b" ]; then echo hash; else echo send; fi',
].join('\n');

/** PATH -> its SHA-256 */
const HASH = 'sha256sum <"$1" | head -c 64';

// Removes what earlier runs, or an earlier attempt, left half-sent.
const BEGIN = [
  'p=$1 t=$2 m=$3 b=$4 r=$5; umask 077; set -C',
  PLACING,
  `${SPLIT}; folders $6; ${UNSPLIT}; target "$p"`,
  'for x in "${p%/*}"/.keelson-part-*; do [ -f "$x" ] || continue',
  'case $x in "$t") ;; "${p%/*}/.keelson-part-$r-"*) continue;; esac; rm -f -- "$x"; done',
  `set -- $(stat -f -c '%f %S' -- "\${p%/*}/")`,
  `if [ $(( $1 * $2 )) -lt $(( b + 65536 )) ]; then printf 'full|%s|%s\\n' "$p" "$(stat -c %m -- "\${p%/*}/")"; exit 4; fi`,
  'true >"$t" || failed "$p" 0; chmod "$m" -- "$t"; [ -G "$t" ] || chgrp 0 -- "$t"',
].join('\n');

/** PATH TEMPORARY BYTES; the content on stdin. Prints the SHA-256 of what is on the disk. */
const RECEIVE = [
  'p=$1 t=$2 b=$3',
  PLACING,
  // `tee` goes on after a failed write, so the size tells.
  '[ -f "$t" ] && [ ! -L "$t" ] || { cat >/dev/null; failed "$p" 0; }',
  'h=$(tee -- "$t" | sha256sum)',
  'if [ "$(stat -c %s -- "$t")" != "$b" ] || ! sync -- "$t"; then (failed "$p" "$b"); c=$?; rm -f -- "$t"; exit $c; fi',
  `printf '%.64s\\n' "$h"`,
].join('\n');

/** STAMPS PATH TEMPORARY SHA256 MODE; an empty TEMPORARY: the file is right as it is but for its mode. */
const FINISH = [
  's=$1 p=$2 t=$3 h=$4 m=$5; umask 077',
  PLACING,
  STAMP,
  'target "$p"',
  `if [ -n "$t" ]; then mv -fT -- "$t" "$p" && sync -- "\${p%/*}/" || failed "$p" 0; else chmod "$m" -- "$p" && chgrp 0 -- "$p" || failed "$p" 0; fi`,
  `{ [ -f "$s" ] && awk -F'|' -v p="$p" '$1 != p' "$s"; printf '%s|%s|%s\\n' "$p" "$h" "$(stamp "$p")"; } >"$s.new" && mv -fT -- "$s.new" "$s" || failed "$s" 0`,
].join('\n');

const MINUTE = 60_000;
const SHORT = { timeoutMs: MINUTE, outputLimit: 64 * 1024 };

export interface ArtefactCalls {
  /** As it is, without the fence. */
  readonly look: (
    use: 'main' | 'bulk',
    request: ShellRequest,
  ) => Promise<{ exitCode: number; stdout: string; stderr: string }>;
  /** Under the fence. */
  readonly act: (request: ShellRequest) => Promise<{ exitCode: number; stdout: string; stderr: string }>;
}

/** Streams a file of any size. The machine's lock is held for the preparation and for the change of names, not while bytes travel. */
export async function putArtefact(
  host: HostId,
  artefact: Artefact,
  binding: WriteBinding,
  stamps: string,
  calls: ArtefactCalls,
): Promise<'unchanged' | 'written'> {
  const { path, mode, sha256, sizeBytes, source } = artefact;
  checkPath(path);
  checkMode(mode);
  const size = String(sizeBytes);
  const seen = await calls.look('main', request(LOOK, [stamps, path, mode, sha256, size]));
  const state = seen.stdout.trim();
  if (state === 'same') return 'unchanged';

  if (state === 'hash') {
    // A slow disk reads 10 MB in a second.
    const hashed = await calls.look('bulk', request(HASH, [path], { timeoutMs: MINUTE + sizeBytes / 10_000 }));
    if (hashed.stdout === sha256) {
      const folders = parentsOf(path).join('\n');
      checkPlaced(host, await calls.act(request(`${PLACING}\n${SPLIT}; folders $1`, [folders])));
      const before = await calls.look('main', request(`stat -c '%a:%u:%g' -- "$1"`, [path]));
      checkPlaced(host, await calls.act(request(FINISH, [stamps, path, '', sha256, mode])));
      return before.stdout.trim() === `${mode}:0:0` ? 'unchanged' : 'written';
    }
  }

  await checkSource(artefact);
  const temporary = temporaryFor(path, binding.run);
  checkPlaced(
    host,
    await calls.act(request(BEGIN, [path, temporary, mode, size, binding.run, parentsOf(path).join('\n')])),
  );
  const received = await calls.look('bulk', {
    ...request(RECEIVE, [path, temporary, size]),
    stdin: { bytes: sizeBytes, open: () => createReadStream(source, { highWaterMark: 1024 * 1024 }) },
    // A slow line carries 100 kB in a second.
    timeoutMs: 5 * MINUTE + sizeBytes / 100,
  });
  checkPlaced(host, received);
  if (received.stdout.trim() !== sha256) {
    await calls.act(request('rm -f -- "$1"', [temporary]));
    throw new KeelsonError(
      'software.bundle',
      `${source} is not the file that the bundle names: its SHA-256 is ${received.stdout.trim().slice(0, 64)}`,
      {
        host,
        where: source,
      },
    );
  }
  checkPlaced(host, await calls.act(request(FINISH, [stamps, path, temporary, sha256, mode])));
  return 'written';
}

/** The same for each attempt of a run, so that the next one removes it. */
function temporaryFor(path: string, run: string): string {
  const slash = path.lastIndexOf('/');
  const name = createHash('sha256').update(path).digest('hex').slice(0, 16);
  return `${path.slice(0, slash)}/.keelson-part-${run}-${name}`;
}

async function checkSource({ source, sizeBytes }: Artefact): Promise<void> {
  const found = await stat(source).catch((error: unknown) => {
    throw new KeelsonError('software.bundle', cannotRead(source, error), { where: source, cause: error });
  });
  if (found.size === sizeBytes) return;
  throw new KeelsonError('software.bundle', `${source} has ${found.size} bytes instead of ${sizeBytes}`, {
    where: source,
  });
}

function request(text: string, args: readonly string[], limits: Partial<typeof SHORT> = {}): ShellRequest {
  return { argv: ['sh', '-c', text, 'sh', ...args], ...SHORT, ...limits };
}
