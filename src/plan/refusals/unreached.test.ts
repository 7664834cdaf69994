import { expect, it } from 'vitest';
import type { ErrorCode } from '../../model/codes.ts';
import { errorCodes } from '../../model/codes.ts';
import { hostId } from '../../model/ids.ts';
import type { EtcdPhase } from '../../ports/vault.ts';
import type { View } from '../../steps/types.ts';
import { unreached } from './unreached.ts';

const host = hostId('etcd-2');

function refused(code: ErrorCode, phase: EtcdPhase) {
  const desired = { cluster: { phase }, machines: [{ id: host }] };
  const facts = { hosts: new Map([[host, { machine: { is: 'unknown', because: 'no answer', code } }]]) };
  // The refusal reads nothing else of the view.
  return unreached({ desired, facts } as unknown as View, { kind: 'apply' })[0];
}

it('says of a machine that is away why apply refuses, and what to do', () => {
  const found = refused('host.unreachable', 'handed-over');
  expect(found).toMatchObject({ code: 'host.unreachable', host, message: 'no answer' });
  expect(found?.action).toContain('The members that are up go on without it.');
  expect(found?.action).toMatch(/apply refuses while a machine is away.*bring it back with its disk/);
  expect(refused('host.unreachable', 'new')?.action).not.toContain('members that are up');
});

it('leaves a refused login its own advice', () => {
  expect(refused('host.auth', 'handed-over')?.action).toBe(errorCodes['host.auth'].action);
});
