import { type ReadCommand, readCommand, script, type WriteCommand, writeCommand } from '../command.ts';

const PROPERTIES =
  'Id,LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,MainPID,ExecMainStartTimestampMonotonic,ExecStart,FragmentPath,DropInPaths';

/**
 * `clock=` and `uptime=` (both in seconds, so that monotonic times can be compared with those of files), then `systemctl show` of
 * the units, in blocks divided by an empty line.
 */
export function units(names: readonly string[]): ReadCommand {
  const text = [
    'read up rest </proc/uptime; printf "clock=%s\\nuptime=%s\\n\\n" "$(date +%s.%N)" "$up"',
    'p=$1; shift; exec systemctl show --property "$p" -- "$@"',
  ].join('\n');
  return readCommand('units', script(text, [PROPERTIES, ...names]));
}

export type SystemctlVerb = 'daemon-reload' | 'enable' | 'disable' | 'start' | 'restart' | 'stop';

/** `--no-block` for what can last: the step's own verdict waits for the unit, so a hanging unit never holds the fence. */
export function systemctl(verb: SystemctlVerb, names: readonly string[] = []): WriteCommand {
  const queued = verb === 'start' || verb === 'restart';
  const argv: [string, ...string[]] = ['systemctl', ...(queued ? ['--no-block'] : []), verb, ...names];
  return writeCommand('systemctl', argv, { mayBeLong: verb === 'stop', timeoutMs: verb === 'stop' ? 120_000 : 20_000 });
}
