/** Test machines on this computer: what `make demo`, end-to-end tests and measurements use. */
export type { AptRepository } from './apt-repository.ts';
export { CommandError, type CommandOutput } from './command.ts';
export { LabError } from './errors.ts';
export {
  createLab,
  ensureLab,
  type Lab,
  type LabOptions,
  type LabSummary,
  listLabs,
  type MachineSpec,
  openLab,
  removeAllLabs,
  removeLab,
  writeKnownHosts,
} from './lab.ts';
export type { ExecOptions, Machine, MachineCondition, NewUser } from './machine.ts';
export type { Partition, PartitionDirection } from './network.ts';
export { installPrerequisites, type MissingPrerequisite, missingPrerequisites } from './prerequisites.ts';
export type { DiskSpec } from './state.ts';
