import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VaultState } from '../../src/ports/vault.ts';
import { dyingFileSystem } from './dying-file-system.ts';
import { caOf, identity, type Scenario, scenarios, vaultAt } from './scenarios.ts';

// Each operation of the vault is cut short at each of its calls to the file system. What is then there must be the state
// before or the state after, and the same operation must be possible again and end where an undisturbed one ends.

const root = mkdtempSync(join(tmpdir(), 'keelson-crash-'));
afterAll(() => rmSync(root, { recursive: true }));

const template = join(root, 'template');
beforeAll(async () => {
  execFileSync('mkdir', [template]);
  const args = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    '/CN=etcd-ca',
  ];
  execFileSync('openssl', [...args, '-keyout', join(template, 'ca.key'), '-out', join(template, 'ca.crt')], {
    stdio: 'pipe',
  });
  writeFileSync(join(template, 'recipient'), await identityToRecipient(await generateX25519Identity()));
});

const before: Record<Scenario, readonly Scenario[]> = {
  create: [],
  updateEtcd: ['create'],
  storeEtcdCa: ['create'],
  storeClusterKey: ['create'],
  reseal: ['create', 'storeEtcdCa'],
  retire: ['create', 'storeEtcdCa', 'storeClusterKey'],
};
// A cluster's key is stored by the same few lines as etcd's CA.
const all = (Object.keys(before) as Scenario[]).filter((scenario) => scenario !== 'storeClusterKey');

let count = 0;
async function prepared(scenario: Scenario): Promise<string> {
  const home = join(root, String(count++));
  const start = join(root, `start-${scenario}`);
  if (!existsSync(start)) {
    cpSync(template, start, { recursive: true });
    for (const earlier of before[scenario]) await scenarios[earlier](vaultAt(start), start);
    // With a second recipient missing from the record there is something to seal again.
    if (scenario === 'reseal')
      writeFileSync(join(start, 'vault', 'recipients.txt'), '# keelson vault recipients, version 1\n');
  }
  cpSync(start, home, { recursive: true });
  return home;
}

interface Ends {
  old: VaultState;
  new: VaultState;
}

async function endsOf(scenario: Scenario): Promise<Ends> {
  const home = await prepared(scenario);
  const old = await vaultAt(home).read();
  await scenarios[scenario](vaultAt(home), home);
  return { old, new: await vaultAt(home).read() };
}

async function expectOldOrNew(scenario: Scenario, home: string, ends: Ends): Promise<'old' | 'new'> {
  const state = await vaultAt(home).read();
  // A retirement takes the parts away one by one, and the record that makes the vault last.
  if (scenario === 'retire' && state.is === 'open') expect(state.identity).toEqual(identity);
  else expect([ends.old, ends.new]).toContainEqual(state);
  return isDeepStrictEqual(state, ends.new) ? 'new' : 'old';
}

async function expectToFinish(scenario: Scenario, home: string, ends: Ends): Promise<void> {
  await scenarios[scenario](vaultAt(home), home);
  expect(await vaultAt(home).read()).toEqual(ends.new);
  if (scenario === 'create') await scenarios.storeEtcdCa(vaultAt(home), home);
  expect(readdirSync(join(home, 'vault')).filter((name) => name.startsWith('.') || name.includes('lock'))).toEqual([]);
}

describe.each(all)('%s', (scenario) => {
  it('leaves the old or the new state wherever it stops, and can be done again', { timeout: 60_000 }, async () => {
    const ends = await endsOf(scenario);
    const seen = new Set<string>();
    let nth = 1;
    for (; ; nth++) {
      const home = await prepared(scenario);
      const died = await diesHere(scenario, home, nth);
      if (!died) break;
      seen.add(await expectOldOrNew(scenario, home, ends));
      // The process lives on here, so its lock would be waited for; a dead process's lock is the next test.
      rmSync(join(home, 'vault', 'vault.lock'), { force: true });
      await expectToFinish(scenario, home, ends);
      rmSync(home, { recursive: true });
    }
    expect(nth).toBeGreaterThan(20);
    expect([...seen].sort()).toEqual(
      scenario === 'reseal' || scenario === 'retire' ? expect.arrayContaining(['old']) : ['new', 'old'],
    );
  });

  it.each([12, 26])('survives SIGKILL at call %i to the file system, lock and all', async (nth) => {
    const ends = await endsOf(scenario);
    const home = await prepared(scenario);
    const script = join(import.meta.dirname, 'dying-writer.ts');
    const { signal } = spawnSync(process.execPath, [script, home, scenario, String(nth)], { stdio: 'pipe' });
    expect(signal).toBe('SIGKILL');
    await expectOldOrNew(scenario, home, ends);
    await expectToFinish(scenario, home, ends);
  });
});

it('a CA that was stored is the one that was given', async () => {
  const home = await prepared('reseal');
  expect((await vaultAt(home).etcdCa()).certificate).toBe(caOf(home).certificate);
});

async function diesHere(scenario: Scenario, home: string, nth: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const fs = dyingFileSystem(nth, () => {
      resolve(true);
      return new Promise(() => undefined);
    });
    scenarios[scenario](vaultAt(home, fs), home).then(() => resolve(false), reject);
  });
}
