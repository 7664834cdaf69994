import { formatPath, type Path, quote } from '../path.ts';
import { repeated } from './hosts.ts';
import type { ConfigRule } from './types.ts';

const fields = [
  { flag: 'quota-backend-bytes', field: 'quotaBackendBytes' },
  { flag: 'heartbeat-interval', field: 'heartbeatIntervalMs' },
  { flag: 'election-timeout', field: 'electionTimeoutMs' },
] as const;

/** A flag that is given twice has one of the two values, and no reader knows which. */
export const duplicateArguments: ConfigRule = (draft) => {
  const etcd = draft.spec?.etcd;
  const base: Path = ['spec', 'etcd'];
  const given: { path: Path; flag: string | undefined }[] = [
    ...fields
      .filter(({ field }) => etcd?.[field] !== undefined)
      .map(({ field, flag }) => ({ path: [...base, field], flag })),
    ...(etcd?.extraArgs ?? []).map((arg, index) => ({ path: [...base, 'extraArgs', index, 'name'], flag: arg?.name })),
  ];
  return repeated(given, ({ flag }) => flag).map(({ item, first }) => ({
    code: 'config.duplicate-argument',
    path: item.path,
    message: `${quote(item.flag)} is already set by ${formatPath(first.path)}`,
    action: 'keep one of them',
  }));
};
