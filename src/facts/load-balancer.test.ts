import { describe, expect, it } from 'vitest';
import { stackedConfig } from '../../test/checks/stacked.ts';
import { desire } from '../desired/desire.ts';
import type { Desired } from '../desired/types.ts';
import { hostId } from '../model/ids.ts';
import { balancerProbe, endpointAnswer, endpointProbe } from './load-balancer.ts';

const hosts = `    - { name: worker-0, address: 10.77.0.30, roles: [worker] }`;
const desired = desire(stackedConfig({ hosts, source: 'preinstalled' }), { is: 'absent' }, { source: 'preinstalled' });
const withKeys: Desired = { ...desired, clusterKeys: new Map([['kubernetes-ca', 'PEM']]) };
const trip = { sentAt: 0, receivedAt: 0 };
const said = (stdout: string) => [{ exitCode: 0, stdout, stderr: '' }];

describe('a machine of the load balancer', () => {
  it('is asked; others are not', () => {
    const asked = (name: string): number => balancerProbe.commands(desired, hostId(name)).length;
    expect(['cp-0', 'cp-2', 'worker-0'].map(asked)).toEqual([1, 1, 0]);
    expect(balancerProbe.commands({ ...desired, loadBalancer: null }, hostId('cp-0'))).toEqual([]);
    expect(balancerProbe.parse([], desired, hostId('worker-0'), trip)).toBeNull();
  });

  it('tells its addresses and programs', () => {
    const output =
      'address=lo|127.0.0.1/8\naddress=host0|10.77.0.20/24\naddress=host0|10.77.0.100/24\naddress=ppp0|10.9.9.9\naddress=host0|fe80::1/64\nprogram=haproxy\nprogram=curl\n';
    expect(balancerProbe.parse(said(output), desired, hostId('cp-0'), trip)).toEqual({
      addresses: [
        { interface: 'lo', address: '127.0.0.1', prefixLength: 8 },
        { interface: 'host0', address: '10.77.0.20', prefixLength: 24 },
        { interface: 'host0', address: '10.77.0.100', prefixLength: 24 },
        { interface: 'ppp0', address: '10.9.9.9', prefixLength: 32 },
        { interface: 'host0', address: 'fe80::1', prefixLength: 64 },
      ],
      programs: new Set(['haproxy', 'curl']),
      taken: null,
    });
  });
});

it('looks for another holder of the address only before there is a cluster', () => {
  const asked = (uid: string | null) =>
    balancerProbe.commands({ ...desired, cluster: { ...desired.cluster, uid } }, hostId('cp-0'))[0]?.argv.slice(4);
  expect([asked(null), asked('uid-1')]).toEqual([['10.77.0.100'], ['']]);
  const found = balancerProbe.parse(said('taken=52:54:00:12:34:56\n'), desired, hostId('cp-0'), trip);
  expect(found?.taken).toBe('52:54:00:12:34:56');
});

describe('the endpoint', () => {
  it('is asked by the first control plane alone, once the cluster has an authority', () => {
    expect(endpointProbe.commands(desired, hostId('cp-0'))).toEqual([]);
    expect(endpointProbe.commands(withKeys, hostId('cp-1'))).toEqual([]);
    expect(endpointProbe.commands({ ...withKeys, endpoint: null }, hostId('cp-0'))).toEqual([]);
    const [command] = endpointProbe.commands(withKeys, hostId('cp-0'));
    expect(command?.argv.slice(4)).toEqual(['10.77.0.100', '8443', '10.77.0.100:8443', '/etc/kubernetes/pki/ca.crt']);
    expect(endpointProbe.parse([], withKeys, hostId('cp-0'), trip)).toBeNull();
  });

  it.each([
    ['refused\n', { is: 'refused' }],
    ['silent\n', { is: 'silent' }],
    ['answers\n', { is: 'answers' }],
    ['timed-out\n', { is: 'timed-out' }],
    ['unreachable|Name or service not known\n', { is: 'unreachable', why: 'Name or service not known' }],
  ])('said %j', (stdout, expected) => expect(endpointAnswer(stdout)).toEqual(expected));

  it('is unknown when the probe is cut off', () => expect(() => endpointAnswer('')).toThrow('says nothing'));
});
