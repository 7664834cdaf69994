import { describe, expect, it } from 'vitest';
import { assignAddresses, chooseFreeSubnet, ipv6Twin, parseSubnet, subnetOf } from './subnets.ts';

describe('subnets', () => {
  it('gives chosen addresses first and fills the gaps from .10 on', () => {
    const machines = [{ name: 'a' }, { name: 'b', address: '10.77.0.10' }, { name: 'c' }];
    const assigned = assignAddresses(subnetOf('10.77.0.10'), machines);
    expect(Object.fromEntries(assigned)).toEqual({ a: '10.77.0.11', b: '10.77.0.10', c: '10.77.0.12' });
  });

  it('keeps off addresses of machines that exist', () => {
    const assigned = assignAddresses({ prefix: '10.78.3' }, [{ name: 'd' }], ['10.78.3.10', '10.78.3.11']);
    expect(assigned.get('d')).toBe('10.78.3.12');
  });

  it.each([
    ['the bridge itself', '10.77.0.1', 'lab-address-outside'],
    ['another network', '10.77.1.10', 'lab-address-outside'],
    ['the broadcast address', '10.77.0.255', 'lab-address-outside'],
    ['no address at all', 'etcd-0', 'lab-bad-address'],
  ])('refuses %s', (_what, address, code) => {
    expect(() => assignAddresses({ prefix: '10.77.0' }, [{ name: 'a', address }])).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it('refuses an address given twice', () => {
    const twice = [
      { name: 'a', address: '10.77.0.9' },
      { name: 'b', address: '10.77.0.9' },
    ];
    expect(() => assignAddresses({ prefix: '10.77.0' }, twice)).toThrow(
      expect.objectContaining({ code: 'lab-address-taken' }),
    );
  });

  it('chooses the lowest free network', () => {
    expect(chooseFreeSubnet([{ prefix: '10.78.0' }, { prefix: '10.78.2' }])).toEqual({ prefix: '10.78.1' });
  });

  it('reads only /24 networks', () => {
    expect(parseSubnet('10.77.0.0/24')).toEqual({ prefix: '10.77.0' });
    expect(() => parseSubnet('10.77.0.0/16')).toThrow(expect.objectContaining({ code: 'lab-bad-subnet' }));
    expect(() => parseSubnet('10.77.0.5/24')).toThrow(expect.objectContaining({ code: 'lab-bad-subnet' }));
  });

  it('keeps the number of the machine in its IPv6 address', () => {
    expect(ipv6Twin('10.78.5.10')).toBe('fd77:78:5::10');
    expect(ipv6Twin('10.77.0.10')).toBe('fd77:77::10');
  });
});
