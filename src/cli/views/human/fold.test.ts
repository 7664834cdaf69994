import { expect, it } from 'vitest';
import type { Finding } from '../../../model/finding.ts';
import { hostId } from '../../../model/ids.ts';
import { fold } from './fold.ts';

const of = (host: string | null, message: string, change: Partial<Finding> = {}): Finding => ({
  code: 'host.auth',
  severity: 'error',
  ...(host === null ? {} : { host: hostId(host) }),
  message,
  action: 'do',
  ...change,
});
const folded = (...findings: Finding[]): string[] =>
  fold(findings).map(({ finding, others }) => [finding.message, ...others].join(' + '));

it('tells once what differs only in the machine', () => {
  expect(
    folded(
      of('etcd-0', 'etcd-0 (root@10.0.0.1) refuses the login'),
      of('etcd-1', 'etcd-1 (root@10.0.0.2:2222) refuses the login'),
      of('etcd-10', 'etcd-10 (root@10.0.0.3) refuses the login'),
    ),
  ).toEqual(['etcd-0 (root@10.0.0.1) refuses the login + etcd-1 + etcd-10']);
});

it('knows the address that ssh tells once more', () => {
  const away = (host: string, place: string, address: string) =>
    of(host, `${host} (root@${place}) cannot be reached: connect to host ${address} port 22: No route to host`);
  expect(
    folded(
      away('etcd-0', '10.0.0.1', '10.0.0.1'),
      away('etcd-1', '10.0.0.2:22', '10.0.0.2'),
      // By way of a jump host, which is another matter.
      away('etcd-2', '10.0.0.3', '10.0.0.9'),
    ),
  ).toEqual([
    'etcd-0 (root@10.0.0.1) cannot be reached: connect to host 10.0.0.1 port 22: No route to host + etcd-1',
    'etcd-2 (root@10.0.0.3) cannot be reached: connect to host 10.0.0.9 port 22: No route to host',
  ]);
});

it('keeps apart what says something else', () => {
  const apart = [
    of('etcd-1', 'etcd-1 does not reach etcd-2'),
    of('etcd-2', 'etcd-2 does not reach etcd-1'),
    of('etcd-1', 'swap is on'),
    of('etcd-2', 'swap is on', { severity: 'warning' }),
    of('etcd-3', 'swap is on', { code: 'check.swap' }),
    of('etcd-4', 'swap is on', { action: 'do something else' }),
    of(null, 'swap is on'),
    of('etcd-1', 'etcd-1 has 5 MiB free'),
    of('etcd-10', 'etcd-1 has 5 MiB free'),
  ];
  expect(folded(...apart)).toEqual(apart.map((f) => f.message));
});

it('names no machine twice', () => {
  expect(folded(of('etcd-0', 'x'), of('etcd-0', 'x'), of('etcd-1', 'x'))).toEqual(['x + etcd-1']);
});
