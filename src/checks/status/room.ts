import type { Finding } from '../../model/finding.ts';
import { diskSpace, fileSystem } from '../preflight/disk.ts';
import { unknown } from '../preflight/unknown.ts';
import type { StatusCheck, StatusInput } from './types.ts';

/** With so much of the disk free, what the database may need in years is worth a remark, and no warning that never goes away. */
const PLENTY = 0.25;

/**
 * A file system that has filled up, or can be written to no longer, since the member was made: etcd ends when it cannot write. The verdict is
 * the preflight's own. Before there is data it is for `check` to say.
 */
export const room: StatusCheck = (input) => {
  const { view } = input;
  const holding = [...input.room].filter(([host]) => {
    const data = view.facts.hosts.get(host)?.etcdData;
    return data?.is === 'known' && data.value.is === 'data';
  });
  const found = { view, preflight: new Map(holding) };
  return [diskSpace, fileSystem, unknown].flatMap((check) => check.judge(found)).map((f) => weighed(f, input));
};

function weighed(found: Finding, { view, room: disks }: StatusInput): Finding {
  if (found.code !== 'check.disk-space' || found.severity !== 'warning' || found.host === undefined) return found;
  const fact = disks.get(found.host)?.disks;
  const disk = fact?.is === 'known' ? fact.value.get(view.desired.config.spec.etcd.dataDir) : undefined;
  const plenty = disk !== undefined && disk.availableBytes >= PLENTY * disk.sizeBytes;
  return plenty && found.message.startsWith(`${disk.mount} on `) ? { ...found, severity: 'info' } : found;
}
