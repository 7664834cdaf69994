import { type CgroupTrees, firstProcess, groupsToJoin, joining } from './cgroups.ts';
import { attempt, CommandError, type CommandOptions, type CommandOutput } from './command.ts';
import { labPaths } from './paths.ts';
import type { LabState, MachineRecord } from './state.ts';

export interface ExecOptions extends Pick<CommandOptions, 'stdin' | 'timeoutMs'> {
  /** Answers a non-zero exit instead of rejecting with a CommandError. */
  readonly allowFailure?: boolean;
}

/** Arguments: the file, its mode, its folder. */
export const writeFileScript =
  'mkdir -p -- "$3" && umask 077 && cat >"$1.new" && chmod "$2" "$1.new" && mv -fT -- "$1.new" "$1"';
const machineEnvironment = { HOME: '/root', LANG: 'C.UTF-8', LOGNAME: 'root', USER: 'root' };

/** Runs a command in the machine's namespaces and cgroups; while it is off, with its disk as root directory. */
export async function execute(
  trees: CgroupTrees,
  state: LabState,
  record: MachineRecord,
  argv: readonly [string, ...string[]],
  options: ExecOptions,
): Promise<CommandOutput> {
  const { allowFailure = false, ...rest } = options;
  const first = firstProcess(trees, state.name, record.name);
  const groups = groupsToJoin(trees, state.name, record.name, 'visitor');
  const command: [string, ...string[]] =
    first === undefined
      ? ['chroot', labPaths(state.name).machine(record.name).root, ...argv]
      : [...joining(groups), 'nsenter', '--target', `${first}`, '--all', '--', ...argv];
  const output = await attempt(command, { ...rest, env: machineEnvironment });
  if (output.code !== 0 && !allowFailure) throw new CommandError([`${record.name}:`, ...argv], output);
  return output;
}
