import { KeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import { UNIT_FILES } from '../ports/commands/lock.ts';
import type { CommandResult } from '../ports/host.ts';
import type { WriteBinding } from '../ports/machine.ts';
import type { ShellRequest } from './remote-shell.ts';
import { proxyArguments, quote } from './shell-loop.ts';

/** The unit's name without `.service`; `n` counts the long commands of one step from 1. */
export function unitName(binding: WriteBinding, n: number): string {
  return `keelson-${binding.run}-${binding.step}${n === 1 ? '' : `-${n}`}`;
}

/**
 * What the unit runs, from its own folder. Output beyond the limit (of a file's size: SIGXFSZ is 25) is read and dropped, so that
 * nothing fills the memory and no command is stopped half-way for talking too much. The exit code lies in `rc` once both outputs are complete; a daemon that the
 * command leaves behind must not hold that up for ever.
 */
function unitScript(request: ShellRequest): string {
  const limit = request.outputLimit;
  return [
    'd=${0%/*}; cd "$d" || exit 74; umask 077',
    'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root TERM=dumb',
    'exec <in; rm -f in; mkfifo o e || exit 74',
    `keep() { (ulimit -f ${Math.ceil(limit / 512)}; trap '' 25; exec cat >"$1") 2>/dev/null; cat >/dev/null; : >"$1.end"; }`,
    'keep out <o & keep err <e &',
    'exec 3>o 4>e; cd /; umask 022',
    `timeout -k 10 ${(request.timeoutMs / 1000).toFixed(1)} ${request.argv.map(quote).join(' ')} >&3 2>&4 3>&- 4>&-; c=$?`,
    'exec 3>&- 4>&-; cd "$d"; i=0',
    'while [ $i -lt 40 ] && ! { [ -e out.end ] && [ -e err.end ]; }; do sleep 0.05; i=$((i+1)); done',
    'echo $c >rc.new && mv rc.new rc; exit $c',
    '',
  ].join('\n');
}

/**
 * Arguments: unit, its number, bytes of the script; the script and the command's stdin follow on stdin. What an earlier attempt of
 * the same step may still be doing is ended first: nothing is done twice at the same time.
 */
const START = [
  `u=$1 n=$2 b=$3 R=${UNIT_FILES}; umask 077; mkdir -p "$R" || exit 74`,
  'if [ "$n" = 1 ]; then for o in "$R/$u" "$R/$u"-*; do [ -d "$o" ] || continue',
  'systemctl stop -- "${o##*/}.service"; systemctl reset-failed -- "${o##*/}.service"; rm -rf -- "$o"; done >/dev/null 2>&1; fi',
  'd=$R/$u; mkdir -- "$d" && head -c "$b" >"$d/cmd" && cat >"$d/in" || { rm -rf -- "$d"; exit 74; }',
  `systemd-run --quiet --unit="$u" --property=RemainAfterExit=yes --property=TimeoutStopSec=10 --property=IgnoreSIGPIPE=no ${proxyArguments('--setenv=')} -- /bin/sh "$d/cmd"`,
  'c=$?; [ $c = 0 ] || rm -rf -- "$d"; exit $c',
].join('\n');

export function startUnit(unit: string, n: number, request: ShellRequest, stdin: Buffer): ShellRequest {
  const script = Buffer.from(unitScript(request));
  return {
    argv: ['sh', '-c', START, 'sh', unit, String(n), String(script.length)],
    stdin: Buffer.concat([script, stdin]),
    timeoutMs: 30_000,
    outputLimit: 64 * 1024,
  };
}

const POLL = [
  `d=${UNIT_FILES}/$1; if [ -f "$d/rc" ]; then printf 'rc=%s\\n' "$(cat "$d/rc")"; exit 0; fi`,
  'systemctl show --property=LoadState,ActiveState,SubState,ExecMainCode,ExecMainStatus -- "$1.service"',
  // It may have ended between the two looks.
  `[ -f "$d/rc" ] && printf 'rc=%s\\n' "$(cat "$d/rc")"; exit 0`,
].join('\n');

export function pollUnit(unit: string): ShellRequest {
  return { argv: ['sh', '-c', POLL, 'sh', unit], timeoutMs: 15_000, outputLimit: 16 * 1024 };
}

export type UnitState = { is: 'running' } | { is: 'ended'; exitCode: number } | { is: 'gone' };

export function parsePoll(output: string): UnitState {
  const values = new Map(
    output.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  const rc = values.get('rc');
  if (rc !== undefined && /^\d+$/.test(rc)) return { is: 'ended', exitCode: Number(rc) };
  if (values.get('LoadState') === 'not-found') return { is: 'gone' };
  const active = values.get('ActiveState');
  if (active === 'failed' || active === 'inactive' || values.get('SubState') === 'exited') {
    const status = Number(values.get('ExecMainStatus') ?? '0');
    const killed = values.get('ExecMainCode') === '2' || values.get('ExecMainCode') === '3';
    return { is: 'ended', exitCode: killed ? 128 + status : status };
  }
  return { is: 'running' };
}

/** Prints what the command printed, exits as it exited, and lets systemd and the machine forget the unit. */
const COLLECT = [
  `u=$1 c=$2 l=$3 d=${UNIT_FILES}/$1; head -c "$l" -- "$d/out" 2>/dev/null; [ ! -f "$d/err" ] || head -c "$l" -- "$d/err" >&2`,
  'systemctl stop -- "$u.service" >/dev/null 2>&1; [ "$c" = 0 ] || systemctl reset-failed -- "$u.service" >/dev/null 2>&1',
  'rm -rf -- "$d"; exit "$c"',
].join('\n');

export function collectUnit(unit: string, exitCode: number, outputLimit: number): ShellRequest {
  return {
    argv: ['sh', '-c', COLLECT, 'sh', unit, String(exitCode), String(outputLimit)],
    timeoutMs: 30_000,
    outputLimit: outputLimit + 4096,
  };
}

export function unitGone(host: HostId, unit: string): KeelsonError {
  return new KeelsonError(
    'host.unreachable',
    `${host} was restarted, or somebody stopped ${unit}, before its command had ended`,
    { host },
  );
}

export function unitOverdue(host: HostId, request: ShellRequest, result: CommandResult): KeelsonError {
  return new KeelsonError(
    'host.timeout',
    `a command on ${host} did not end within ${request.timeoutMs / 1000} s and was stopped`,
    {
      host,
      output: result.stderr || result.stdout,
    },
  );
}
