import type { FileSpec } from '../model/file.ts';
import type { HostId, RunId, StepId } from '../model/ids.ts';
import type { ReadCommand, WriteCommand } from './command.ts';

export interface CommandResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** A machine that can be looked at. Functions are properties, so that the compiler refuses a check that writes. */
export interface ReadHost {
  readonly id: HostId;
  /**
   * Runs the commands one after the other in one round trip. A non-zero exit resolves; an unreachable machine rejects with
   * `host.unreachable`, a hang with `host.timeout`, endless output with `host.output-limit`.
   */
  readonly runAll: (commands: readonly ReadCommand[], signal: AbortSignal) => Promise<readonly CommandResult[]>;
}

/** A large file that is streamed: a program or an image archive of the bundle. */
export interface Artefact {
  /** Path on the operator's machine. */
  source: string;
  path: string;
  mode: string;
  sha256: string;
  sizeBytes: number;
}

/** A machine bound to one run, step and fencing number: every write is refused there once the number has been raised. */
export interface WriteHost extends ReadHost {
  /** A non-zero exit resolves. Rejects with `lock.lost` when another run has taken over. */
  readonly run: (command: WriteCommand, signal: AbortSignal) => Promise<CommandResult>;
  /** In order, in one round trip. Temp file in the target folder, mode before content, fsync, rename, fsync of the folder. */
  readonly putFiles: (files: readonly FileSpec[], signal: AbortSignal) => Promise<readonly ('unchanged' | 'written')[]>;
  readonly putArtefact: (artefact: Artefact, signal: AbortSignal) => Promise<'unchanged' | 'written'>;
}

/** Who holds the lock: everything needed to say who, what and since when, and to know that the owner is dead. */
export interface LockHolder {
  run: RunId;
  /** What is being run: `apply`. */
  command: string;
  user: string;
  /** The operator machine's host name. */
  operator: string;
  /** /etc/machine-id of the operator's machine. */
  operatorMachineId: string;
  operatorBootId: string;
  pid: number;
  /** Start time of the process in clock ticks since boot (field 22 of /proc/PID/stat): a pid alone is reused. */
  pidStart: string;
  /** ISO 8601. */
  since: string;
  fence: number;
}

/** One command of an earlier run that is, or was, running on a machine as a transient unit. */
export interface RunningUnit {
  name: string;
  state: 'running' | 'ended';
  /** Present when it has ended. */
  exitCode?: number;
}

export interface LockState {
  /** 0 when the machine has never been locked. */
  fence: number;
  holder: LockHolder | null;
  /** The last write the machine received, and how it ended; `exitCode` is absent while it runs or after a power cut. */
  last: { fence: number; run: RunId; step: StepId; exitCode?: number } | null;
  units: readonly RunningUnit[];
}

/** What the lock needs of a machine. Compare and set happen on the machine under `flock`. */
export interface LockHost {
  readonly id: HostId;
  readonly state: (signal: AbortSignal) => Promise<LockState>;
  /** Takes the lock if it is free (or held by `insteadOf`) and `holder.fence` is above the machine's number; else says who holds it. */
  readonly take: (holder: LockHolder, insteadOf: RunId | null, signal: AbortSignal) => Promise<'taken' | LockState>;
  /** Gives the lock back if this run still holds it. The number stays. */
  readonly release: (run: RunId, signal: AbortSignal) => Promise<void>;
  /** Raises the number, removes the holder, and ends what the old holder still runs. */
  readonly raise: (fence: number, signal: AbortSignal) => Promise<void>;
  /** Waits for the units of earlier runs, or stops them at the deadline; gives how each ended and forgets them. */
  readonly settleUnits: (deadlineMs: number, signal: AbortSignal) => Promise<readonly RunningUnit[]>;
}
