import type { DiskSpec, Software } from './state.ts';

export interface MachineSpec {
  readonly name: string;
  /** Chosen by the lab when absent. */
  readonly address?: string;
  readonly disk?: DiskSpec;
}

export interface LabOptions {
  /** Lower case letters, digits and hyphens. */
  readonly name: string;
  readonly machines: readonly MachineSpec[];
  /**
   * `bare`: Debian with systemd and sshd (default). `images`: also the images of `bundle` in containerd's store, as if
   * they had been pulled, but no program. `preinstalled`: both programs and images.
   */
  readonly software?: Software['kind'];
  /** The folder of a bundle; needed for all but `bare`. */
  readonly bundle?: string;
  /** Such as 10.77.0.0/24. By default that of the first given address, else a free one. */
  readonly subnet?: string;
  /** Gives each machine an IPv6 address as well. */
  readonly ipv6?: boolean;
  /** Lives on after this process. Without it, the next command of the lab removes what this process left behind. */
  readonly keep?: boolean;
  readonly progress?: (line: string) => void;
}
