import { describe, expect, it } from 'vitest';
import { hardwareAddress, kernelNames } from './paths.ts';

describe('kernelNames', () => {
  it('keeps interface names within 15 characters and apart from each other', () => {
    const labs = ['demo', 'a-very-long-name-of-a-lab', 'a-very-long-name-of-a-lag'];
    const names = labs.flatMap((lab) => [
      kernelNames(lab).bridge,
      kernelNames(lab).veth('etcd-0'),
      kernelNames(lab).veth('etcd-1'),
    ]);
    expect(names.filter((name) => name.length > 15)).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
  });

  it('never takes one lab for another whose name begins alike', () => {
    expect(kernelNames('a-b').namespace('c').startsWith(kernelNames('a').namespacePrefix)).toBe(false);
  });
});

describe('hardwareAddress', () => {
  it('is locally administered, no multicast address, and stays the same', () => {
    const address = hardwareAddress('demo', 'etcd-0');
    expect(address).toMatch(/^02(:[0-9a-f]{2}){5}$/);
    expect(hardwareAddress('demo', 'etcd-0')).toBe(address);
    expect(hardwareAddress('demo', 'etcd-1')).not.toBe(address);
  });
});
