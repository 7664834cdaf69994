import type { HostId, RunId, StepId } from '../model/ids.ts';
import type { LockHost, ReadHost, WriteHost } from './host.ts';

/** What ties each write to its run: the machine refuses it once its own number is higher. */
export interface WriteBinding {
  run: RunId;
  step: StepId;
  fence: number;
}

/** One machine as operations hand it to the engine. Plans and checks only ever get `read`. */
export interface Machine {
  readonly id: HostId;
  readonly read: ReadHost;
  readonly lock: LockHost;
  readonly bind: (binding: WriteBinding) => WriteHost;
}
