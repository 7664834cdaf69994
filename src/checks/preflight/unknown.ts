import { NOT_ASKED } from '../../facts/preflight/gather.ts';
import type { Fact } from '../../facts/types.ts';
import { finding } from '../finding.ts';
import { said } from '../text.ts';
import type { Check } from './types.ts';

/** What each fact is, for people. Those of the preflight alone; without the others no plan is made, and the plan says why. */
const NAMES: Readonly<Record<string, string>> = {
  clock: 'the clock',
  listeners: 'the listening ports',
  disks: 'the file systems',
  fsync: 'the speed of the disk',
  hostKeys: 'the SSH host keys',
  nodeFiles: 'whether it is a node already',
  peers: 'the way to the other machines',
  forwarding: 'forwarding through sshd',
  ways: 'the way to the other nodes',
  fitness: 'its processors, memory and networks',
};

/** Machines that could not be reached at all are told of elsewhere. */
export const unknown: Check = {
  code: 'check.unknown',
  judge: ({ view, preflight }) =>
    [...preflight].flatMap(([host, facts]) => {
      if (view.facts.hosts.get(host)?.machine.is !== 'known') return [];
      const missing = Object.entries(facts).filter(
        (entry): entry is [string, Extract<Fact<never>, { is: 'unknown' }>] =>
          entry[1].is === 'unknown' && entry[1] !== NOT_ASKED,
      );
      const reasons = Map.groupBy(missing, ([, fact]) => fact.because);
      return [...reasons].map(([because, names]) => {
        const what = names.map(([name]) => NAMES[name] ?? name).join(', ');
        return finding('check.unknown', 'warning', `not checked on ${host}: ${what} (${said(because)})`, { host });
      });
    }),
};
