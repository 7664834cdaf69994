/** Test machines on this computer: what `make demo`, end-to-end tests and measurements use. */
export type { AptRepository } from './apt-repository.ts';
export { CommandError, type CommandOutput } from './command.ts';
export { LabError } from './errors.ts';
export {
  createLab,
  ensureLab,
  type Lab,
  type LabSummary,
  listLabs,
  openLab,
  removeAllLabs,
  removeLab,
  writeKnownHosts,
} from './lab.ts';
export type { Machine, MachineCondition, NewUser } from './machine.ts';
export type { ExecOptions } from './machine-exec.ts';
export type { Partition, PartitionDirection } from './network.ts';
export type { LabOptions, MachineSpec } from './options.ts';
export { installPrerequisites, type MissingPrerequisite, missingPrerequisites } from './prerequisites.ts';
export type { DiskSpec } from './state.ts';
