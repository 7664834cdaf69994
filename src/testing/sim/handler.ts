import { Secret } from '../../model/secret.ts';
import type { ReadCommand, WriteCommand } from '../../ports/command.ts';
import type { CommandResult } from '../../ports/host.ts';
import type { SimEtcd } from './etcd.ts';
import type { SimKube } from './kube.ts';
import type { SimMachine } from './machine.ts';

/** What a command on a machine can see beyond the machine. */
export interface HandlerWorld {
  nowMs: () => number;
  /** Milliseconds since 1970. */
  wallMs: () => number;
  etcd: SimEtcd;
  kube: SimKube;
  reaches: (from: SimMachine, address: string) => boolean;
}

export type Command = ReadCommand | WriteCommand;
export type Handler = (machine: SimMachine, command: Command, world: HandlerWorld) => CommandResult;

export function ok(stdout = ''): CommandResult {
  return { exitCode: 0, stdout, stderr: '' };
}

export function fail(exitCode: number, stderr = ''): CommandResult {
  return { exitCode, stdout: '', stderr };
}

/** The arguments of one of our constant scripts: `sh -c SCRIPT sh ARGS...`. */
export function args(command: Command): readonly string[] {
  return command.argv.slice(4);
}

export function stdin(command: Command): string {
  return command.stdin instanceof Secret ? Secret.valueOf(command.stdin) : (command.stdin ?? '');
}

export function seconds(world: HandlerWorld): number {
  return world.wallMs() / 1000;
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

export function text(lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}
