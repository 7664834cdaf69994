import { describe, expect, it } from 'vitest';
import { chooseMirror, proxyEnvironment } from './apt-sources.ts';

describe('chooseMirror', () => {
  it('takes the mirror of the suite, not the one of its updates or security fixes', () => {
    const targets = [
      'http://mirror.test/debian-security/ Debian bookworm-security main',
      'http://mirror.test/debian/ Debian bookworm-updates main',
      'http://mirror.test/debian/ Debian bookworm main',
      'https://other.test/ubuntu/ Ubuntu jammy main',
    ].join('\n');
    expect(chooseMirror(targets, 'bookworm')).toBe('http://mirror.test/debian/');
  });

  it('takes the mirror of another Debian where the suite is not configured', () => {
    expect(chooseMirror('http://mirror.test/debian/ Debian trixie main\n', 'bookworm')).toBe(
      'http://mirror.test/debian/',
    );
  });

  it('finds none where apt knows no Debian', () => {
    expect(chooseMirror('https://other.test/ubuntu/ Ubuntu jammy main\n', 'bookworm')).toBeUndefined();
    expect(chooseMirror('', 'bookworm')).toBeUndefined();
  });
});

describe('proxyEnvironment', () => {
  it("hands apt's proxies on", () => {
    const settings = 'Acquire "";\nAcquire::http::Proxy "http://proxy.test:3128";\nAcquire::https::proxy "DIRECT";\n';
    expect(proxyEnvironment(settings)).toEqual({ http_proxy: 'http://proxy.test:3128' });
  });

  it('sets nothing without one', () => {
    expect(proxyEnvironment('Acquire "";\n')).toEqual({});
  });
});
