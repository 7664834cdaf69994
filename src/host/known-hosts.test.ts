import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseKnownHosts, readKnownHosts, recordHostKeys } from './known-hosts.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keelson-known-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function newKey(name: string): string {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)]);
  return readFileSync(join(folder, `${name}.pub`), 'utf8')
    .split(' ')
    .slice(0, 2)
    .join(' ');
}

test('fingerprints are those of ssh-keygen', () => {
  const key = newKey('k');
  const shown = execFileSync('ssh-keygen', ['-lf', join(folder, 'k.pub')], { encoding: 'utf8' }).split(' ')[1];
  expect(parseKnownHosts(`[10.0.0.1]:22 ${key}\n`).get('[10.0.0.1]:22')).toEqual([
    { type: 'ssh-ed25519', fingerprint: shown, knownHostsLine: `[10.0.0.1]:22 ${key}` },
  ]);
});

test('reads several names and keys, and leaves out what is no plain entry', () => {
  const text = [
    '# note',
    '',
    'a,b t AAAA',
    'a u BBBB',
    '|1|hash|hash t CCCC',
    '@cert-authority * t DDDD',
    'broken',
  ].join('\n');
  const found = parseKnownHosts(text);
  expect([...found.keys()]).toEqual(['a', 'b']);
  expect(found.get('a')?.map((k) => k.type)).toEqual(['t', 'u']);
});

test('records beside what is there, replaces what has the same name, and leaves nothing else', async () => {
  const file = join(folder, 'vault', 'known_hosts');
  await recordHostKeys(file, ['a t AAAA', 'b t BBBB']);
  writeFileSync(file, `${readFileSync(file, 'utf8')}# a note\n@cert-authority *.example t EEEE\n`);
  await recordHostKeys(file, ['a t CCCC']);
  expect(readFileSync(file, 'utf8')).toBe('b t BBBB\n# a note\n@cert-authority *.example t EEEE\na t CCCC\n');
  expect(readdirSync(join(folder, 'vault'))).toEqual(['known_hosts']);
});

test('says why the file cannot be read or written', async () => {
  await expect(readKnownHosts(folder)).rejects.toMatchObject({
    code: 'vault.unreadable',
    message: `${folder} cannot be read: it is a directory`,
  });
  const beneath = join(folder, 'file', 'known_hosts');
  writeFileSync(join(folder, 'file'), '');
  await expect(recordHostKeys(beneath, ['10.0.0.1 ssh-ed25519 AAAA'])).rejects.toMatchObject({
    message: expect.stringContaining('a part of its path is a file'),
  });
});
