import type { View } from '../../facts/types.ts';
import type { ErrorCode } from '../../model/codes.ts';
import type { HostId } from '../../model/ids.ts';
import { finding } from '../finding.ts';
import { list, said } from '../text.ts';
import type { StatusCheck } from './types.ts';

interface RaisedAlarm {
  type: string;
  /** Hexadecimal, as everywhere else. */
  memberId: string | null;
}

/**
 * From the errors in a member's status (`memberID:10276657743932975437 alarm:NOSPACE `): every member reports all alarms of the
 * cluster, and unlike the list of alarms this needs no quorum.
 */
function raised(errors: readonly string[]): RaisedAlarm[] {
  return errors.flatMap((error) => {
    const type = /\balarm:\s*([A-Z]+)/.exec(error)?.[1];
    if (type === undefined) return [];
    const id = /\bmemberID:\s*(\d+)/.exec(error)?.[1];
    return [{ type, memberId: id === undefined ? null : BigInt(id).toString(16) }];
  });
}

function statuses(view: View) {
  if (view.facts.etcd.is === 'unknown') return [];
  return [...view.facts.etcd.value.endpoints].flatMap(([host, { status }]) =>
    status.is === 'ok' ? [{ host, memberId: status.value.memberId, errors: status.value.errors }] : [],
  );
}

/** Alarms that were raised by this machine's member. */
export function alarmsOf(view: View, host: HostId): string[] {
  const all = statuses(view);
  const own = all.find((s) => s.host === host);
  if (own === undefined) return [];
  const types = all.flatMap((s) =>
    raised(s.errors).filter((a) => a.memberId === own.memberId || (a.memberId === null && s === own)),
  );
  return [...new Set(types.map((a) => a.type))].sort();
}

const EXPLAINED: Readonly<Record<string, { code: ErrorCode; means: string }>> = {
  NOSPACE: {
    code: 'status.alarm-nospace',
    means:
      'the database has reached its quota; etcd takes no writes until the alarm is disarmed, only reads and deletes',
  },
  CORRUPT: {
    code: 'status.alarm-corrupt',
    means: 'members hold different data at the same revision; what clients read depends on the member they ask',
  },
};

/** One finding for each kind of alarm, naming the members that raised it. */
export const alarms: StatusCheck = ({ view }) => {
  const all = statuses(view);
  const found = all.flatMap(({ host, errors }) => raised(errors).map((alarm) => ({ ...alarm, seenOn: host })));
  return [...Map.groupBy(found, (alarm) => alarm.type)].map(([type, same]) => {
    const hosts = same.map(({ memberId, seenOn }) => {
      if (memberId === null) return seenOn;
      return all.find((s) => s.memberId === memberId)?.host ?? `member ${memberId}`;
    });
    const by = list([...new Set(hosts)].sort());
    const { code, means } = EXPLAINED[type] ?? {
      code: 'status.alarm' as const,
      means: 'keelson does not know more about it',
    };
    return finding(code, 'error', `alarm ${said(type)} raised by ${by}: ${means}`);
  });
};
