import { describe, expect, it } from 'vitest';
import type { FactRef } from '../facts/types.ts';
import { KeelsonError } from '../model/errors.ts';
import { type HostId, hostId } from '../model/ids.ts';
import type { Machine } from '../ports/machine.ts';
import type { View } from '../steps/types.ts';
import { unreachable } from '../testing/memory-lock-host.ts';
import { goneOf, isLoss, suspects } from './connection.ts';

const [h1, h2, h3] = ['h1', 'h2', 'h3'].map(hostId) as [HostId, HostId, HostId];
const known = { is: 'known', value: null, at: '' };
const unknown = { is: 'unknown', because: 'no answer' };

/** h1 all known; h2's units unknown; the member of h3 as given. */
function view(reason?: string): View {
  const status = reason === undefined ? { is: 'ok' } : { is: 'failed', reason };
  return {
    facts: {
      hosts: new Map([
        [h1, { files: known, units: known }],
        [h2, { files: known, units: unknown }],
        [h3, { files: known, units: known }],
      ]),
      etcd: { is: 'known', value: { endpoints: new Map([[h3, { status }]]) } },
      vault: known,
    },
  } as unknown as View;
}

describe('suspects', () => {
  it.each<[string, readonly FactRef[] | 'all', string | undefined, HostId[]]>([
    ['a machine one of whose facts is unknown', 'all', undefined, [h2]],
    ['only among the facts asked for', [{ on: h2, fact: 'files' }], undefined, []],
    ['only among the facts asked for', [{ on: h2, fact: 'units' }], undefined, [h2]],
    ['a machine whose member could not be reached', ['etcd'], 'unreachable', [h3]],
    ['a machine whose member could not be reached', 'all', 'unreachable', [h2, h3]],
    ['no machine that answered that nothing listens', ['etcd'], 'refused', []],
    ['no machine for its member when etcd was not asked for', ['vault'], 'unreachable', []],
  ])('are %s', (_name, refs, reason, expected) => {
    expect([...suspects(view(reason), refs)]).toEqual(expected);
  });
});

describe('goneOf', () => {
  it('names those that do not answer; a machine that answers with an error is there', async () => {
    const answers = new Map<HostId, () => Promise<unknown>>([
      [h1, async () => ({})],
      [h2, () => Promise.reject(unreachable(h2))],
      [h3, () => Promise.reject(new KeelsonError('host.sudo', 'no'))],
    ]);
    const machines = new Map([...answers].map(([id, state]) => [id, { id, lock: { state } } as unknown as Machine]));
    expect(await goneOf([h1, h2, h3, hostId('unknown')], machines, new AbortController().signal)).toEqual([h2]);
  });
});

describe('isLoss', () => {
  it.each([
    ['host.unreachable', true],
    ['host.timeout', true],
    ['host.command-failed', false],
    ['host.key-changed', false],
    ['lock.lost', false],
  ] as const)('%s: %s', (code, expected) => {
    expect(isLoss(new KeelsonError(code, 'x'))).toBe(expected);
  });
});
