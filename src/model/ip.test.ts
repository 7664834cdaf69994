import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatIp, parseIp } from './ip.ts';

describe('parseIp', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['FD00:0:0:1::A', 'fd00:0:0:1::a'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])('reads %s as %s', (text, canonical) => {
    const bytes = parseIp(text);
    expect(bytes).not.toBeNull();
    expect(formatIp(bytes as Uint8Array)).toBe(canonical);
  });

  it.each([
    '',
    '10.0.0',
    '10.0.0.256',
    '010.0.0.1',
    '10.0.0.1/24',
    ' 10.0.0.1',
    '10.0.0.1\n',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    ':1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:',
    '1:2:3:4:5:6:7:8::',
    'fe80::1%eth0',
    '12345::',
    '10.0.0.1::',
    '[::1]',
    ':',
    ':::',
  ])('refuses %j', (text) => {
    expect(parseIp(text)).toBeNull();
  });

  it('agrees with Node on every address that is made', () => {
    fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => parseIp(text) !== null));
  });

  it('agrees with Node on text that may be an address', () => {
    const text = fc.string({ unit: fc.constantFrom('0', '1', 'f', ':', ':', '.', '255'), maxLength: 14 });
    fc.assert(
      fc.property(text, (t) => (parseIp(t) !== null) === (isIPv4(t) || isIPv6(t))),
      { numRuns: 2000 },
    );
  });

  it('reads back what it prints', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    );
    fc.assert(fc.property(bytes, (b) => formatIp(parseIp(formatIp(b)) as Uint8Array) === formatIp(b)));
  });
});
