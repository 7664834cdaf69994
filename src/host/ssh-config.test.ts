import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KeelsonError } from '../model/errors.ts';
import { hostId } from '../model/ids.ts';
import { configText, type SshSettings, targetOptions } from './ssh-config.ts';
import { checkTarget, jumpsOf, type SshTarget } from './ssh-target.ts';

const key = 'AAAAC3NzaC1lZDI1NTE5AAAAIGJ0v3bVh2mOTTfCkIhFQIdQb2G6n0gq2E0qz1o0Yb3C';
const settings: SshSettings = { knownHostsFile: '/vault/100% ours/known_hosts', connectMs: 9500, aliveMs: 15_000 };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keelson-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What the real ssh makes of it: `ssh -G` prints each value that counts. */
function resolved(
  targets: readonly SshTarget[],
  host: string,
  options: { recorded?: string; extra?: readonly string[] } = {},
) {
  const file = join(folder, 'config');
  writeFileSync(file, configText(targets, settings, options.recorded ?? ''));
  const lines = execFileSync('ssh', ['-G', '-F', file, ...(options.extra ?? []), '--', host], {
    encoding: 'utf8',
  }).split('\n');
  return (name: string): string[] =>
    lines.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));
}

const target = (more: Partial<SshTarget> = {}): SshTarget => ({ id: hostId('a'), address: '10.0.0.1', ...more });

describe('what ssh is told', () => {
  test('unknown keys are refused, the cluster’s file comes first, the user is never asked', () => {
    const is = resolved([target()], '10.0.0.1');
    expect(is('stricthostkeychecking')).toEqual(['true']);
    expect(is('userknownhostsfile')[0]).toMatch(/^\/vault\/100% ours\/known_hosts .*\/\.ssh\/known_hosts /);
    expect(is('batchmode')).toEqual(['yes']);
    expect(is('updatehostkeys')).toEqual(['false']);
    expect(is('verifyhostkeydns')).toEqual(['false']);
    expect(is('forwardagent')).toEqual(['no']);
    expect(is('connecttimeout')).toEqual(['10']);
    expect(is('serveraliveinterval')).toEqual(['5']);
  });

  test('once a key is on record, or expected, no other file may excuse another one', () => {
    const recorded = `[10.0.0.1]:2222 ssh-ed25519 ${key}\n`;
    for (const [one, text] of [
      [target({ port: 2222 }), recorded],
      [target({ hostKey: 'SHA256:x' }), ''],
    ] as const) {
      const is = resolved([one], one.address, { extra: targetOptions(one, settings, text) });
      expect(is('userknownhostsfile')).toEqual(['/vault/100% ours/known_hosts']);
      expect(is('globalknownhostsfile')).toEqual(['/dev/null']);
    }
    const other = resolved([target()], '10.0.0.1', { extra: targetOptions(target(), settings, recorded) });
    expect(other('globalknownhostsfile')).not.toEqual(['/dev/null']);
  });

  test('the same holds for the ssh that it starts for a jump host, with the machine’s key', () => {
    const through = target({ proxyJump: 'ops@bastion.example:2200', identityFile: '/keys/my key' });
    const recorded = `[bastion.example]:2200 ssh-ed25519 ${key}\n`;
    const is = resolved([through], 'bastion.example', { recorded });
    expect(is('stricthostkeychecking')).toEqual(['true']);
    expect(is('userknownhostsfile')).toEqual(['/vault/100% ours/known_hosts']);
    expect(is('identityfile')).toEqual(['/keys/my key']);
    const outer = resolved([through], '10.0.0.1', { extra: targetOptions(through, settings, '') });
    expect(outer('proxyjump')).toEqual(['ops@bastion.example:2200']);
  });

  test('an agent’s other keys stay away when the key file is there', () => {
    const file = join(folder, 'id');
    writeFileSync(file, '');
    expect(targetOptions(target({ identityFile: file }), settings, '')).toContain('IdentitiesOnly=yes');
    expect(targetOptions(target({ identityFile: join(folder, 'none') }), settings, '')).not.toContain(
      'IdentitiesOnly=yes',
    );
  });
});

describe('what ssh must never be told', () => {
  test.each<Partial<SshTarget>>([
    { address: '-oProxyCommand=x' },
    { address: 'a b' },
    { address: '$(x)' },
    { address: 'a;b' },
    { address: 'a\nb' },
    { address: '' },
    { user: '-l' },
    { user: 'a b' },
    { user: '`x`' },
    { port: 0 },
    { port: 65_536 },
    { port: 1.5 },
    { identityFile: '-x' },
    { identityFile: 'a\nProxyCommand x' },
    { identityFile: 'a" ProxyCommand' },
    { proxyJump: '-oProxyCommand=x' },
    { proxyJump: 'a,-b' },
    { proxyJump: 'a b' },
    { proxyJump: '' },
    { proxyJump: 'a\nHost *' },
  ])('%j', (more) => {
    expect(() => checkTarget(target(more))).toThrow(KeelsonError);
  });

  test.each<Partial<SshTarget>>([
    { address: 'fd00::1', user: 'DOMAIN\\ops', port: 22, identityFile: '/a b/c', proxyJump: 'none' },
    { address: 'host.example', user: 'ops@corp', proxyJump: 'a,ops@[fd00::2]:2222' },
  ])('but this: %j', (more) => {
    expect(() => checkTarget(target(more))).not.toThrow();
  });

  test('jump hosts are read in their order', () => {
    expect(jumpsOf(target({ proxyJump: 'a,ops@[fd00::2]:2222' }))).toEqual([
      { user: undefined, host: 'a', port: 22 },
      { user: 'ops', host: 'fd00::2', port: 2222 },
    ]);
    expect(jumpsOf(target({ proxyJump: 'none' }))).toEqual([]);
  });
});
