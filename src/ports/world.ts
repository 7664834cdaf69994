import type { Clock } from './clock.ts';
import type { EtcdAdmin } from './etcd-admin.ts';
import type { WriteHost } from './host.ts';
import type { Issuer } from './issuer.ts';
import type { KubeApi } from './kube-api.ts';
import type { Random } from './random.ts';
import type { Vault } from './vault.ts';

/** All that a step may touch while it applies. */
export interface World {
  /** The step's own machine; for a step of the operator, calling it is a fault. */
  readonly host: WriteHost;
  readonly etcd: EtcdAdmin;
  readonly kube: KubeApi;
  readonly pki: Issuer;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** One line for the progress display and the journal: no secret, no control characters. */
  readonly note: (text: string) => void;
}
