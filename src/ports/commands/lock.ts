import type { RunId, StepId } from '../../model/ids.ts';
import { type ReadCommand, readCommand, script, type WriteCommand, writeCommand } from '../command.ts';
import type { LockHolder, LockState, RunningUnit } from '../host.ts';

/** Survives a reboot: a number that fell back to nothing would let an old holder write again. */
export const STATE_DIRECTORY = '/var/lib/keelson';

/** Our transient units, which are named after runs, and nobody else's: `keelson-20261121t101500z-3f9a1c-0123456789abcdef.service`. */
const UNITS = 'keelson-[0-9]*.service';

/** One folder for each transient unit: what it runs, its input and output. */
export const UNIT_FILES = '/run/keelson';

const STATE = [
  'printf "fence|%s\\n" "$(cat $D/fence 2>/dev/null || echo 0)"',
  '[ -f $D/last ] && printf "last|%s\\n" "$(cat $D/last)"',
  '[ -f $D/lock ] && printf "holder|%s\\n" "$(base64 -w0 $D/lock)"',
  `systemctl show --property Id,ActiveState,SubState,ExecMainCode,ExecMainStatus -- '${UNITS}' 2>/dev/null | sed 's/^/unit|/'`,
].join('\n');

const LOCKED = ['D=$1; shift; umask 077; mkdir -p $D || exit 74; exec 9>$D/.flock; flock -w 15 9 || exit 75'].join(
  '\n',
);

/** A file that holds no number is not 0: that would let an old holder write again. */
const HAVE = 'have=0; [ ! -f $D/fence ] || have=$(cat $D/fence); case $have in "" | *[!0-9]*) exit 74 ;; esac';

/** The fencing number, the holder, the last write and keelson's units on the machine. */
export function lockState(directory = STATE_DIRECTORY): ReadCommand {
  return readCommand('lock-state', script(`D=$1\n${STATE}\nexit 0`, [directory]));
}

/**
 * Takes the lock when it is free or held by run `insteadOf`, and the new number is above the machine's. Exit 0 taken, 10 held by
 * another, 11 number too low; the state is printed in every case.
 */
export function lockTake(holder: LockHolder, insteadOf: RunId | null, directory = STATE_DIRECTORY): WriteCommand {
  const text = [
    LOCKED,
    'number=$1 run=$2 instead=$3 rc=0',
    HAVE,
    'old=$(head -n1 $D/lock 2>/dev/null)',
    'if [ -n "$old" ] && [ "$old" != "$instead" ] && [ "$old" != "$run" ]; then rc=10',
    // A run may take its own lock again with its own number; nobody ever lowers the machine's.
    'elif [ "$number" -lt "$have" ]; then rc=11',
    'elif [ "$number" -eq "$have" ] && [ "$old" != "$run" ]; then rc=11; fi',
    'if [ $rc = 0 ]; then cat >$D/.lock.new && echo "$number" >$D/.fence.new && sync $D/.lock.new $D/.fence.new &&',
    '  mv -f $D/.fence.new $D/fence && mv -f $D/.lock.new $D/lock && sync $D || rc=74; fi',
    STATE,
    'exit $rc',
  ].join('\n');
  return writeCommand('lock-take', script(text, [directory, String(holder.fence), holder.run, insteadOf ?? '']), {
    stdin: `${holder.run}\n${JSON.stringify(holder)}\n`,
  });
}

/** Removes the lock if `run` holds it. */
export function lockRelease(run: RunId, directory = STATE_DIRECTORY): WriteCommand {
  const text = `${LOCKED}\n[ "$(head -n1 $D/lock 2>/dev/null)" = "$1" ] && rm -f $D/lock && sync $D\nexit 0`;
  return writeCommand('lock-release', script(text, [directory, run]));
}

/** Raises the number (never lowers it), removes the holder, and stops what keelson's earlier runs still do on the machine. */
export function fenceRaise(fence: number, directory = STATE_DIRECTORY): WriteCommand {
  const text = [
    LOCKED,
    HAVE,
    'if [ "$1" -gt "$have" ]; then echo "$1" >$D/.fence.new && sync $D/.fence.new && mv -f $D/.fence.new $D/fence || exit 74; fi',
    'rm -f $D/lock; sync $D',
    `systemctl stop -- '${UNITS}' 2>/dev/null; systemctl reset-failed -- '${UNITS}' 2>/dev/null`,
    `rm -rf -- ${UNIT_FILES}/keelson-[0-9]*; exit 0`,
  ].join('\n');
  return writeCommand('fence-raise', script(text, [directory, String(fence)]), { timeoutMs: 60_000 });
}

/** Ends and forgets transient units of earlier runs, by name. */
export function stopUnits(names: readonly string[]): WriteCommand {
  const text = [
    'systemctl stop -- "$@" 2>/dev/null; systemctl reset-failed -- "$@" 2>/dev/null',
    `for u do rm -rf -- "${UNIT_FILES}/\${u%.service}"; done; exit 0`,
  ].join('\n');
  return writeCommand('units-stop', script(text, names), { timeoutMs: 120_000 });
}

function parseUnits(lines: readonly string[]): RunningUnit[] {
  const blocks = lines.join('\n').split(/\n\s*\n/);
  const found: RunningUnit[] = [];
  for (const block of blocks) {
    const value = new Map(
      block.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
    const name = value.get('Id');
    if (name === undefined || name === '') continue;
    const running =
      ['activating', 'deactivating', 'reloading'].includes(value.get('ActiveState') ?? '') ||
      value.get('SubState') === 'running';
    found.push(running ? { name, state: 'running' } : { name, state: 'ended', exitCode: exitCodeOf(value) });
  }
  return found;
}

// systemd reports a signal as its number with CLD_KILLED (2) or CLD_DUMPED (3); a shell would say 128 + number.
function exitCodeOf(value: ReadonlyMap<string, string>): number {
  const status = Number(value.get('ExecMainStatus') ?? '0');
  return value.get('ExecMainCode') === '2' || value.get('ExecMainCode') === '3' ? 128 + status : status;
}

/** Reads what {@link lockState} and {@link lockTake} print. */
export function parseLockState(output: string): LockState {
  let fence = 0;
  let holder: LockHolder | null = null;
  let last: LockState['last'] = null;
  const unitLines: string[] = [];
  for (const line of output.split('\n')) {
    const bar = line.indexOf('|');
    const value = line.slice(bar + 1);
    if (line.startsWith('fence|')) fence = Number.parseInt(value, 10) || 0;
    if (line.startsWith('unit|')) unitLines.push(value);
    if (line.startsWith('holder|')) holder = parseHolder(value);
    if (line.startsWith('last|')) last = parseLast(value);
  }
  return { fence, holder, last, units: parseUnits(unitLines) };
}

function parseHolder(base64: string): LockHolder | null {
  const json = atob(base64).split('\n')[1] ?? '';
  try {
    return JSON.parse(json) as LockHolder;
  } catch {
    return null;
  }
}

function parseLast(line: string): LockState['last'] {
  const [fence, run, step, exit] = line.split(' ');
  if (fence === undefined || run === undefined || step === undefined) return null;
  const base = { fence: Number(fence), run: run as RunId, step: step as StepId };
  return exit === undefined || exit === '-' ? base : { ...base, exitCode: Number(exit) };
}
