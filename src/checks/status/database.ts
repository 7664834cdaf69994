import type { Finding } from '../../model/finding.ts';
import { finding } from '../finding.ts';
import { etcdQuota } from '../quota.ts';
import { size } from '../text.ts';
import type { StatusCheck } from './types.ts';

const WARN = 0.8;
const ERROR = 0.95;
/** Of the file: more than half of it is free pages, which defragmentation gives back. */
const MOSTLY_FREE = 0.5;

export const databaseSize: StatusCheck = ({ view }) => {
  if (view.facts.etcd.is === 'unknown') return [];
  return [...view.facts.etcd.value.endpoints].flatMap(([host, { status }]): Finding[] => {
    if (status.is === 'failed') return [];
    const { dbSizeBytes, dbSizeInUseBytes } = status.value;
    const quota = etcdQuota(view, host);
    const part = dbSizeBytes / quota;
    if (part < WARN) return [];
    const message = `the database of ${host} is ${size(dbSizeBytes)} of ${size(quota)} (${Math.floor(part * 100)} %), ${size(dbSizeInUseBytes)} of it in use`;
    const action =
      dbSizeInUseBytes < MOSTLY_FREE * dbSizeBytes
        ? 'Defragment the members one at a time, the leader last: most of the file is free pages.'
        : undefined;
    return [
      finding('status.database-size', part >= ERROR ? 'error' : 'warning', message, {
        host,
        ...(action === undefined ? {} : { action }),
      }),
    ];
  });
};
