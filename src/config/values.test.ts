import { describe, expect, it } from 'vitest';
import { addressFamily, normalizeAddress, parseEndpoint, unusableAddress, urlHost } from './address.ts';
import { goDurationSeconds, parseGoDuration } from './duration.ts';
import { nearest } from './nearest.ts';
import { formatPath, quote } from './path.ts';
import { parseQuantity } from './quantity.ts';

describe('parseGoDuration', () => {
  it.each([
    ['0', 0],
    ['8760h', 31_536_000],
    ['1h30m', 5400],
    ['1.5s', 1.5],
    ['.5m', 30],
    ['100ms', 0.1],
    ['1us1µs1μs', 3e-6],
    ['1m1m', 120],
  ])('%s', (text, seconds) => {
    expect(parseGoDuration(text)).toBeCloseTo(seconds, 9);
    expect(goDurationSeconds(text)).toBeCloseTo(seconds, 9);
  });

  it.each(['', '1', '-1s', '+1s', '1d', '1y', 's', '1 h', '1h ', '.s', '1e3s', '1H', '9999999999h', '１s'])(
    'not %j',
    (text) => {
      expect(parseGoDuration(text)).toBeNull();
      expect(() => goDurationSeconds(text)).toThrow(RangeError);
    },
  );
});

describe('parseQuantity', () => {
  it.each([
    ['0', 0],
    ['2147483648', 2 ** 31],
    ['2Gi', 2 ** 31],
    ['8G', 8e9],
    ['1Mi', 2 ** 20],
    ['1k', 1000],
  ])('%s', (text, bytes) => {
    expect(parseQuantity(text)).toBe(bytes);
  });

  it.each(['', '-1', '1.5Gi', '2GiB', '2gi', '1e3', '1m', ' 1', '01', '9007199254740993', '9999999999999Ti'])(
    'not %j',
    (text) => {
      expect(parseQuantity(text)).toBeNull();
    },
  );
});

describe('addresses', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1', '10.0.0.1', 'IPv4'],
    ['FD00:0:0:0::0A', 'fd00::a', '[fd00::a]', 'IPv6'],
  ])('%s is %s', (text, normal, inUrl, family) => {
    expect(normalizeAddress(text)).toBe(normal);
    expect(urlHost(normal)).toBe(inUrl);
    expect(addressFamily(normal)).toBe(family);
    expect(unusableAddress(text)).toBeNull();
  });

  it.each([
    '',
    'x',
    '10.0.0',
    '10.0.0.01',
    'fe80::1%eth0',
    '0.1.2.3',
    '127.9.9.9',
    '169.254.0.1',
    '239.1.1.1',
    '240.0.0.1',
    '::',
    '0::0',
    '::1',
    'febf::1',
    'ff05::2',
    '::ffff:10.0.0.1',
  ])('%j is none to reach a machine by', (text) => {
    expect(unusableAddress(text)).not.toBeNull();
  });

  it.each(['1.0.0.0', '126.255.255.255', '128.0.0.1', '169.253.1.1', '223.255.255.255', 'fec0::1', '::2', 'fd00::1'])(
    '%j is one',
    (text) => {
      expect(unusableAddress(text)).toBeNull();
    },
  );
});

describe('parseEndpoint', () => {
  it.each([
    ['api.example.com', 'api.example.com', null],
    ['api.example.com:6443', 'api.example.com', 6443],
    ['10.77.0.100:8443', '10.77.0.100', 8443],
    ['fd00::100', 'fd00::100', null],
    ['[FD00::0100]:8443', 'fd00::100', 8443],
  ])('%s is %s, port %s', (text, host, port) => {
    expect(parseEndpoint(text)).toEqual({ host, port });
  });

  it.each([
    '',
    ':6443',
    '10.77.0.100:',
    '10.77.0.100:0',
    '10.77.0.100:65536',
    '127.0.0.1:6443',
    '[api]:6443',
    'API.example.com',
    'a b',
    '10.77.0:6443',
    'https://a',
  ])('%j is none', (text) => {
    expect(parseEndpoint(text)).toBeNull();
  });
});

describe('nearest', () => {
  const known = ['user', 'port', 'identityFile', 'proxyJump', 'recipients'];
  it.each([
    ['usr', 'user'],
    ['prot', 'port'],
    ['identity_file', 'identityFile'],
    ['PROXYJUMP', 'proxyJump'],
    ['recipient', 'recipients'],
    ['colour', undefined],
    ['', undefined],
    ['x'.repeat(1000), undefined],
  ])('%j is meant as %j', (word, meant) => {
    expect(nearest(word, known)).toBe(meant);
  });
});

describe('what is shown', () => {
  it('of a path', () => {
    expect(formatPath([])).toBe('document');
    expect(formatPath(['spec', 'hosts', 1, 'address'])).toBe('spec.hosts[1].address');
    expect(formatPath(['spec', 'a.b', '', 'c\n'])).toBe('spec["a.b"][""]["c\\n"]');
  });

  it('of a value is on one line, bounded, and nothing that a terminal obeys or hides', () => {
    expect(quote('a\n"\x1b[31m\x9b\u202e\u200b\u2028é')).toBe(
      '"a\\n\\"\\u001b[31m\\u{9b}\\u{202e}\\u{200b}\\u{2028}é"',
    );
    expect(quote('x'.repeat(61))).toBe(`"${'x'.repeat(60)}"...`);
    expect(quote('x'.repeat(60))).toBe(`"${'x'.repeat(60)}"`);
    expect(quote('😀'.repeat(100)).length).toBeLessThan(150);
    expect(quote(22)).toBe('22');
  });

  it('of a private key is nothing', () => {
    expect(quote('AGE-SECRET-KEY-1AAAA')).toBe('[redacted]');
    expect(quote('-----BEGIN EC PRIVATE KEY-----')).toBe('[redacted]');
  });
});
