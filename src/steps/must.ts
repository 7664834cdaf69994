import { KeelsonError } from '../model/errors.ts';
import type { WriteCommand } from '../ports/command.ts';
import type { CommandResult } from '../ports/host.ts';
import type { World } from '../ports/world.ts';

/** Runs a command that has to succeed. */
export async function must(world: World, command: WriteCommand): Promise<void> {
  await mustTell(world, command);
}

/** The same, for what it says. */
export async function mustTell(world: World, command: WriteCommand): Promise<CommandResult> {
  const result = await world.host.run(command, world.signal);
  if (result.exitCode === 0) return result;
  const last = result.stderr.trim().split('\n').at(-1) ?? '';
  throw new KeelsonError(
    'host.command-failed',
    `${command.argv[0]} (${command.builder}) ended with exit code ${result.exitCode}${last === '' ? '' : `: ${last}`}`,
    {
      host: world.host.id,
      output: `${result.stdout}\n${result.stderr}`.trim(),
    },
  );
}
