import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { handlers } from '../../src/testing/sim/handlers.ts';
import { newCluster } from '../scenarios/sim/world.ts';
import { type ContractCase, contractCases } from './handler-cases.ts';
import { simulatedSubject } from './handler-subject.ts';

// The part that needs no machine: every builder has a handler and a case, and every case can be played on the simulation. What a real
// machine says to the same cases is in handlers.e2e.test.ts.
const cases: [string, ContractCase][] = Object.entries(contractCases);

it('every handler has a contract case, and every case a handler', () => {
  expect(Object.keys(contractCases).sort()).toEqual(Object.keys(handlers).sort());
});

describe('on the simulation', () => {
  it.each(cases)('%s', async (_name, contract) => {
    if ('heldBy' in contract) {
      expect(existsSync(join(import.meta.dirname, '../..', contract.heldBy))).toBe(true);
      return;
    }
    const sim = newCluster({ members: 1, source: 'preinstalled' }, 1);
    expect(await contract.play(simulatedSubject(sim, 'etcd-0'))).toBeDefined();
  });
});
