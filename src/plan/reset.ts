import type { HostId } from '../model/ids.ts';
import type { View } from '../steps/types.ts';
import type { Candidate } from './candidates.ts';

/** Clearing machines: each by itself, all that keelson made and nothing else. */
export function resetCandidates(_view: View, hosts: readonly HostId[]): Candidate[] {
  return hosts.map((on) => ({
    key: `reset-host@${on}`,
    kind: 'reset-host',
    on,
    params: {},
    needs: [],
    why: 'asked for',
  }));
}
