import type { Finding } from '../../model/finding.ts';
import type { Digest, HostId } from '../../model/ids.ts';
import type { Intent, PlanResult } from '../../plan/types.ts';

/** A plan, or its refusal, with what a reader needs besides: the same for people and programs. */
export interface PlanReport {
  cluster: string;
  intent: Intent;
  /** Of the configuration that was planned for; a refused plan has no basis of its own. */
  basis: { config: Digest; at: string };
  /** Host names with their addresses, in the configuration's order. */
  hosts: readonly { host: HostId; address: string }[];
  /** Members of the etcd cluster as it must be. */
  voters: number;
  result: PlanResult;
  /** What makes machines unfit for a founding: the plan stands, and apply refuses it until that is mended. */
  unfit: readonly Finding[];
}
