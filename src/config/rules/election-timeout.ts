import { type ConfigDraft, valueOr } from '../draft.ts';
import type { Path } from '../path.ts';
import type { ConfigRule } from './types.ts';

// etcd's own, for the one that is not given: https://etcd.io/docs/v3.6/tuning/#time-parameters
const DEFAULT_HEARTBEAT_MS = 100;
const DEFAULT_ELECTION_MS = 1000;

/** etcd itself refuses to start below five times. */
const FACTOR = 5;

export const electionTimeout: ConfigRule = (draft) => {
  const heartbeat = given(draft, 'heartbeatIntervalMs', 'heartbeat-interval');
  const election = given(draft, 'electionTimeoutMs', 'election-timeout');
  const [heartbeatMs, electionMs] = [heartbeat?.ms ?? DEFAULT_HEARTBEAT_MS, election?.ms ?? DEFAULT_ELECTION_MS];
  // One that is wrong by itself is no reason to speak of the other.
  const etcd = draft.spec?.etcd;
  if (valueOr(etcd, 'heartbeatIntervalMs', 0) === undefined || valueOr(etcd, 'electionTimeoutMs', 0) === undefined)
    return [];
  const path = election?.path ?? heartbeat?.path;
  if (path === undefined || electionMs >= FACTOR * heartbeatMs) return [];
  return [
    {
      code: 'config.election-timeout',
      path,
      message: `the election timeout of ${electionMs} ms is less than ${FACTOR} times the heartbeat of ${heartbeatMs} ms`,
      action: `set electionTimeoutMs to ${FACTOR * heartbeatMs} or more, better ${10 * heartbeatMs}`,
    },
  ];
};

type Field = 'heartbeatIntervalMs' | 'electionTimeoutMs';

function given(draft: ConfigDraft, field: Field, flag: string): { ms: number; path: Path } | undefined {
  const etcd = draft.spec?.etcd;
  const own = etcd?.[field];
  if (own !== undefined) return { ms: own, path: ['spec', 'etcd', field] };
  const index = etcd?.extraArgs?.findIndex((arg) => arg?.name === flag) ?? -1;
  const text = etcd?.extraArgs?.[index]?.value ?? '';
  return /^\d{1,9}$/.test(text) ? { ms: Number(text), path: ['spec', 'etcd', 'extraArgs', index, 'value'] } : undefined;
}
