import { describe, expect, it } from 'vitest';
import { parseIp } from '../model/ip.ts';
import { contains, formatPrefix, overlap, parsePrefix } from './prefix.ts';

const prefix = (text: string) => {
  const found = parsePrefix(text);
  if (found === null) throw new Error(`${text} is no network`);
  return found;
};
const ip = (text: string): Uint8Array => parseIp(text) ?? new Uint8Array();

describe('parsePrefix', () => {
  it.each([
    ['10.244.0.0/16', '10.244.0.0/16', true],
    ['10.244.1.0/16', '10.244.0.0/16', false],
    ['10.0.0.128/25', '10.0.0.128/25', true],
    ['0.0.0.0/0', '0.0.0.0/0', true],
    ['10.0.0.1/32', '10.0.0.1/32', true],
    ['fd00::/8', 'fd00::/8', true],
    ['FD00:1::1/33', 'fd00:1::/33', false],
  ])('%s is the network %s', (text, network, exact) => {
    expect(formatPrefix(prefix(text))).toBe(network);
    expect(prefix(text).exact).toBe(exact);
  });

  it.each(['10.244.0.0', '10.244.0.0/33', '10.244.0/16', 'fd00::/129', '10.0.0.0/016', '/8', ''])(
    '%s is none',
    (text) => {
      expect(parsePrefix(text)).toBeNull();
    },
  );
});

describe('contains and overlap', () => {
  it('compares up to the last bit of the prefix', () => {
    expect(contains(prefix('10.96.0.0/12'), ip('10.111.255.255'))).toBe(true);
    expect(contains(prefix('10.96.0.0/12'), ip('10.112.0.0'))).toBe(false);
    expect(contains(prefix('10.0.0.0/8'), ip('fd00::1'))).toBe(false);
  });

  it('is the same in both directions', () => {
    for (const [a, b, wanted] of [
      ['10.96.0.0/12', '10.100.0.0/16', true],
      ['10.96.0.0/12', '10.112.0.0/12', false],
      ['fd00::/8', '10.0.0.0/8', false],
      ['0.0.0.0/0', '10.0.0.0/8', true],
    ] as const) {
      expect(overlap(prefix(a), prefix(b))).toBe(wanted);
      expect(overlap(prefix(b), prefix(a))).toBe(wanted);
    }
  });
});
