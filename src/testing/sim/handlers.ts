import type { BuilderName } from '../../ports/command.ts';
import type { CommandResult } from '../../ports/host.ts';
import type { Command, Handler, HandlerWorld } from './handler.ts';
import { lockHandlers } from './lock-handlers.ts';
import type { SimMachine } from './machine.ts';
import { nodeHandlers } from './node-handlers.ts';
import { readHandlers } from './read-handlers.ts';
import { resetHandlers } from './reset-handlers.ts';
import { settleUnits } from './systemd.ts';
import { type LongCommand, longCommand, writeHandlers } from './write-handlers.ts';

/** One handler for every command builder. */
export const handlers = {
  ...readHandlers,
  ...writeHandlers,
  ...resetHandlers,
  ...lockHandlers,
  ...nodeHandlers,
} satisfies Record<BuilderName, Handler>;

export function handle(machine: SimMachine, command: Command, world: HandlerWorld): CommandResult {
  settleUnits(machine, world.wallMs());
  return handlers[command.builder](machine, command, world);
}

/** The same command as a transient unit. */
export function asTransient(machine: SimMachine, command: Command, world: HandlerWorld): LongCommand {
  return longCommand(machine, command, world, handlers[command.builder]);
}
