import { randomBytes } from 'node:crypto';
import { KeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import { plainText } from '../model/text.ts';
import { parseLockState } from '../ports/commands/lock.ts';
import type { CommandResult, LockHolder } from '../ports/host.ts';
import type { WriteBinding } from '../ports/machine.ts';
import { diskFull } from './disk-full.ts';
import { FULL } from './placing.ts';

/**
 * Compare the number, then act, then say how it ended, all under the machine's lock file. What it has to say itself begins with a word
 * that only this call knows, because any exit code may be the command's own.
 *
 * On SIGTERM the shell stays until its command has ended: the lock must not be free before. The command does not inherit the lock
 * file: a daemon that it leaves behind would hold it for ever.
 */
const FENCED = [
  'D=$1 f=$2 r=$3 s=$4 k=$5; shift 5; umask 077',
  FULL,
  // A machine that is going down has its file systems taken away below a shell that still answers.
  `no() { [ "$(systemctl is-system-running 2>/dev/null)" != stopping ] || set -- leaving 69; [ "$1" != state ] || ! full "$D/last" 0 || set -- "full $(stat -c %m -- "$D" 2>/dev/null)" 74; printf '%s %s\\n' "$k" "$1" >&2; exit "$2"; }`,
  'mkdir -p "$D" || no state 74',
  // A failed `exec` would end dash at once, with an exit code that could be the command's.
  'true 9>"$D/.flock" || no state 74',
  'exec 9>"$D/.flock"',
  `flock -w 15 9 || { printf '%s busy\\n' "$k" >&2; exit 75; }`,
  'h=0; [ -f "$D/fence" ] && read -r h <"$D/fence"',
  // Nobody lowers a number: where there is none, only the machine's going down is no loss.
  '[ "$h" != 0 ] || [ "$(systemctl is-system-running 2>/dev/null)" != stopping ] || no state 74',
  'if [ "$h" != "$f" ]; then',
  `{ printf '%s lost\\nfence|%s\\n' "$k" "$h"; [ -f "$D/lock" ] && printf 'holder|%s\\n' "$(base64 -w0 "$D/lock")"; } >&2; exit 98; fi`,
  `printf '%s %s %s -\\n' "$f" "$r" "$s" >"$D/last" || no state 74`,
  'trap : TERM INT HUP; umask 022',
  '"$@" 9>&-; c=$?',
  `printf '%s %s %s %s\\n' "$f" "$r" "$s" $c >"$D/last"`,
  'exit $c',
].join('\n');

export interface Fenced {
  argv: readonly [string, ...string[]];
  /** The command's own result; throws when the fence itself has said no. */
  readonly resultOf: (result: CommandResult) => CommandResult;
}

export function fenced(
  host: HostId,
  binding: WriteBinding,
  directory: string,
  argv: readonly [string, ...string[]],
): Fenced {
  const word = `keelson-fence-${randomBytes(8).toString('hex')}`;
  const { fence, run, step } = binding;
  return {
    argv: ['sh', '-c', FENCED, 'sh', directory, String(fence), run, step, word, ...argv],
    resultOf: (result) => {
      const at = result.stderr.indexOf(`${word} `);
      if (at < 0) return result;
      const [said = '', ...rest] = result.stderr.slice(at).split('\n');
      throw refusal(host, said.slice(word.length + 1), rest.join('\n'), result, directory);
    },
  };
}

function refusal(host: HostId, said: string, state: string, result: CommandResult, directory: string): KeelsonError {
  if (said === 'lost') return lockLost(host, parseLockState(state).holder);
  if (said === 'leaving') return new KeelsonError('host.unreachable', `${host} is going down`, { host });
  if (said === 'busy') {
    return new KeelsonError('host.timeout', `another command of keelson kept ${host} busy for 15 s`, { host });
  }
  const output = plainText(result.stderr);
  if (said.startsWith('full'))
    return diskFull(host, `${host} cannot record a write in ${directory}`, {
      mount: said.slice('full '.length),
      output,
    });
  return new KeelsonError('host.command-failed', `${host} cannot record a write in ${directory}`, {
    host,
    output,
  });
}

function lockLost(host: HostId, holder: LockHolder | null): KeelsonError {
  const who =
    holder === null
      ? 'it was released by keelson unlock, or another run took it'
      : plainText(`${holder.user}@${holder.operator} runs ${holder.command} (${holder.run}) since ${holder.since}`);
  return new KeelsonError('lock.lost', `the lock was lost on ${host}: ${who}`, { host });
}
