import { expect, it } from 'vitest';
import { KeelsonError } from '../model/errors.ts';
import { hostId } from '../model/ids.ts';
import { type HostKeyScan, refuseChangedKeys, type ScannedHost, unrecorded } from './trust.ts';

const key = { type: 'ssh-ed25519', fingerprint: 'SHA256:shown', knownHostsLine: '10.0.0.1 ssh-ed25519 AAAA' };

function seen(name: string, recorded: 'unknown' | 'same' | 'changed', matches?: boolean): ScannedHost {
  return {
    host: hostId(name),
    place: name,
    ...(matches === undefined ? {} : { expected: 'SHA256:expected' }),
    result: { is: 'seen', keys: [key], recorded, matches },
  };
}
const failed: ScannedHost = {
  host: hostId('gone'),
  place: 'gone',
  result: { is: 'failed', error: new KeelsonError('host.unreachable', 'no route') },
};

function scan(...scanned: ScannedHost[]): HostKeyScan {
  return { cluster: 'lab', knownHostsFile: '/vault/known_hosts', scanned };
}

it('records new keys only', () => {
  expect(unrecorded(scan(seen('new', 'unknown'), seen('old', 'same'), failed)).map((h) => h.host)).toEqual(['new']);
});

it.each([
  ['another key than the recorded one', seen('b', 'changed')],
  ['another key than the expected one', seen('b', 'unknown', false)],
  ['another key than the expected one, though it is on record', seen('b', 'same', false)],
])('stops hard at %s', (_what, wrong) => {
  expect(() => refuseChangedKeys(scan(seen('a', 'unknown'), wrong))).toThrow(
    expect.objectContaining({ code: 'host.key-changed', exitCode: 5, details: expect.objectContaining({ host: 'b' }) }),
  );
});

it('goes on past machines that do not answer, and expected keys', () => {
  expect(() => refuseChangedKeys(scan(failed, seen('a', 'unknown', true), seen('b', 'same')))).not.toThrow();
});
