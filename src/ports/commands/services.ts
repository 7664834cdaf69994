import { type ReadCommand, readCommand, script, type WriteCommand, writeCommand } from '../command.ts';

const PROPERTIES =
  'Id,LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,MainPID,ExecMainStartTimestampMonotonic,StateChangeTimestampMonotonic,ExecStart,FragmentPath,DropInPaths';

/**
 * `clock=` and `uptime=` (both in seconds, so that monotonic times can be compared with those of files); `dropIn=UNIT|1|FILE` for
 * each drop-in that lies ready, read by systemd or not, with 0 for one that names no ExecStart, from the weakest folder to the strongest; `argv=PID|BASE64` of the units' main processes; then
 * `systemctl show` of the units, in blocks divided by an empty line.
 */
export function units(names: readonly string[]): ReadCommand {
  const text = [
    'read up rest </proc/uptime; printf "clock=%s\\nuptime=%s\\n" "$(date +%s.%N)" "$up"',
    'p=$1; shift',
    'for u do for d in service "$u"; do for r in /usr/lib /usr/local/lib /run /etc; do',
    '  for f in "$r/systemd/system/$d.d"/*.conf; do',
    '    [ -e "$f" ] || continue',
    '    grep -Eqs "^[[:space:]]*ExecStart[[:space:]]*=" "$f" && s=1 || s=0; printf "dropIn=%s|%s|%s\\n" "$u" "$s" "$f"',
    '  done',
    'done; done; done',
    'shown=$(systemctl show --property "$p" -- "$@") || exit $?',
    'printf "%s\\n" "$shown" | while IFS= read -r line; do case $line in MainPID=0) ;; MainPID=*)',
    '  printf "argv=%s|%s\\n" "${line#*=}" "$(base64 -w0 2>/dev/null <"/proc/${line#*=}/cmdline")" ;;',
    'esac; done 2>/dev/null',
    'printf "\\n%s\\n" "$shown"',
  ].join('\n');
  return readCommand('units', script(text, [PROPERTIES, ...names]));
}

/** `reload-or-restart` starts what does not run. */
export type SystemctlVerb = 'daemon-reload' | 'enable' | 'disable' | 'start' | 'restart' | 'reload-or-restart' | 'stop';

/**
 * `--no-block` for what can last: the step's own verdict waits for the unit, so a hanging unit never holds the fence. `enable` does not
 * reload systemd, which takes a tenth of a second: who enables a unit has written its files, and reloads once for both.
 */
export function systemctl(verb: SystemctlVerb, names: readonly string[] = []): WriteCommand {
  const queued = verb === 'start' || verb === 'restart' || verb === 'reload-or-restart';
  const option = queued ? ['--no-block'] : verb === 'enable' ? ['--no-reload'] : [];
  const argv: [string, ...string[]] = ['systemctl', ...option, verb, ...names];
  return writeCommand('systemctl', argv, { mayBeLong: verb === 'stop', timeoutMs: verb === 'stop' ? 120_000 : 20_000 });
}
