import { readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cgroupTrees, firstProcess } from '../../lab/cgroups.ts';
import { reveal } from '../../src/model/reveal.ts';
import { systemClock } from '../../src/operations/local.ts';
import { createVault } from '../../src/vault/vault.ts';
import { shellOn } from './certificate-reader.ts';
import { createTestCluster, type TestCluster } from './harness.ts';
import { ended, type Ran } from './keelson-process.ts';
import { keyNeedle, type Needle, secretsIn, watchForSecrets } from './secret-watch.ts';
import type { Observations } from './secret-watch-worker.ts';

const PKI = '/etc/kubernetes/pki';
const leaves = ['etcd/server', 'etcd/peer', 'etcd/healthcheck-client', 'apiserver-etcd-client'];
const PASSWORD = 'correct-horse-battery-staple-7';

describe('secrets during a whole installation', () => {
  let cluster: TestCluster;
  let seen: Observations;
  const said: Ran[] = [];
  const needles: Needle[] = [{ name: 'sudo password', pieces: [PASSWORD] }];

  /** Everything that programs write on the machines and here while they work. */
  function watchedFolders(): string[] {
    const machines = cluster.machines().flatMap(({ name }) => {
      const root = `/proc/${firstProcess(cgroupTrees(), cluster.lab.name, name)}/root`;
      const below = [
        'etc/kubernetes',
        'etc/keelson',
        'etc/systemd/system',
        'run',
        'tmp',
        'var/tmp',
        'dev/shm',
        'var/lib/keelson',
        'root',
        'home',
      ];
      return below.map((folder) => `${root}/${folder}`);
    });
    return [...machines, cluster.folder, cluster.vault, cluster.home];
  }

  async function learnKeys(when: string): Promise<void> {
    for (const machine of cluster.machines())
      for (const leaf of leaves)
        needles.push(keyNeedle(`${leaf}.key of ${machine.name} ${when}`, await machine.readFile(`${PKI}/${leaf}.key`)));
  }

  beforeAll(async () => {
    cluster = await createTestCluster({
      name: 'e2e-secrets',
      config: (file) => {
        file.spec.hosts[2].ssh = { user: 'admin' };
      },
    });
    const authorizedKey = cluster.lab.publicKey();
    await cluster.machine('etcd-2').addUser({ name: 'admin', sudo: 'password', password: PASSWORD, authorizedKey });
    const watch = await watchForSecrets(watchedFolders());
    const password = { when: /sudo password of admin/i, type: `${PASSWORD}\r` };
    const yes = { when: /Apply this plan to cluster lab\?/, type: 'y' };

    said.push(await cluster.keelsonEnds(0, ['hosts', 'trust', '--yes']));
    said.push(ended(await cluster.atTerminal(['plan', '--diff', '-v', '--out', 'the.plan'], [password]), 0));
    said.push(ended(await cluster.atTerminal(['apply', '--diff', '-v'], [password, yes]), 0));
    said.push(ended(await cluster.atTerminal(['status', '-v'], [password]), 0));
    await learnKeys('at first');

    // From here on without a person, for the outputs that programs read; keys are made once more.
    await cluster.machine('etcd-2').writeFile('/etc/sudoers.d/admin', 'admin ALL=(ALL:ALL) NOPASSWD: ALL\n', 0o440);
    for (const machine of cluster.machines())
      await machine.exec(['rm', `${PKI}/etcd/server.key`, `${PKI}/etcd/peer.crt`]);
    said.push(await cluster.keelsonEnds(0, ['plan', '-v', '-o', 'json']));
    said.push(await cluster.keelsonEnds(0, ['apply', '--yes', '-v', '-o', 'json']));
    said.push(await cluster.keelsonEnds(0, ['status', '-o', 'json']));
    said.push(await cluster.keelsonEnds(0, ['runs', 'show', 'last', '-v']));
    said.push(await cluster.keelsonEnds(0, ['runs', 'show', 'last', '-o', 'json']));
    said.push(await cluster.keelsonEnds(0, ['render', 'rendered']));
    await learnKeys('after drift');

    const vault = createVault({
      folder: cluster.vault,
      cluster: 'lab',
      identityFile: cluster.identityFile,
      recipients: [],
      clock: systemClock,
    });
    needles.push(keyNeedle('the CA’s key', reveal((await vault.etcdCa()).key)));
    const [identity = ''] = readFileSync(cluster.identityFile, 'utf8').match(/AGE-SECRET-KEY-\w+/) ?? [];
    needles.push({ name: 'the age identity', pieces: [identity] });

    // Planted at the end: a watch that sees neither would have seen nothing else either.
    const machine = cluster.machine('etcd-0');
    const shortly =
      'printf %s "$1" > /etc/kubernetes/planted-file; chmod 644 /etc/kubernetes/planted-file; sleep 0.5; rm /etc/kubernetes/planted-file';
    await machine.exec(['sh', '-c', shortly, 'sh', 'planted-argument']);
    await sleep(100);
    seen = await watch.stop();
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  it('the watch has looked all the time, and sees what is there for a moment', () => {
    expect(seen.looks).toBeGreaterThan(500);
    expect(seen.processes.filter((text) => text.includes('planted-argument'))).not.toEqual([]);
    expect(seen.files.filter(({ content }) => content === 'planted-argument').map(({ mode }) => mode)).toContain('644');
    // keelson itself and what it starts here, and its commands on the machines.
    expect(
      seen.processes.filter(
        (text) => text.includes('keelson\0apply') || text.includes('bin.ts\0apply') || text.includes('bin.js\0apply'),
      ),
    ).not.toEqual([]);
    expect(seen.processes.filter((text) => text.startsWith('ssh\0'))).not.toEqual([]);
    expect(seen.files.filter(({ path }) => path.endsWith(`${PKI}/etcd/server.crt`))).not.toEqual([]);
  });

  it('each secret is one that a search finds', () => {
    expect(needles).toHaveLength(1 + 2 * 12 + 2);
    for (const { name, pieces } of needles) {
      expect(pieces.length, name).toBeGreaterThan(0);
      for (const piece of pieces) expect(piece.length, name).toBeGreaterThanOrEqual(16);
    }
    const ofServer = needles.find(({ name }) => name.startsWith('etcd/server'));
    for (const piece of ofServer?.pieces ?? [])
      expect(secretsIn(`a log line with ${piece} in it`, needles)).toEqual(['etcd/server.key of etcd-0 at first']);
  });

  it('the search finds a key in its own file', async () => {
    const file = await cluster.machine('etcd-1').readFile(`${PKI}/etcd/peer.key`);
    expect(secretsIn(file, needles)).toEqual(['etcd/peer.key of etcd-1 after drift']);
  });

  it('no process had one among its arguments or in its environment', () => {
    for (const text of seen.processes)
      expect(secretsIn(text, needles), text.replaceAll('\0', ' ').slice(0, 200)).toEqual([]);
    const keys = seen.processes.filter((text) => /PRIVATE KEY-----|AGE-SECRET-KEY-1/.test(text));
    expect(keys.map((text) => text.replaceAll('\0', ' ').slice(0, 200))).toEqual([]);
  });

  it('no file that others may read ever held one', () => {
    for (const { path, mode, content } of seen.files) {
      expect(
        [...secretsIn(content, needles), ...(/PRIVATE KEY-----/.test(content) ? ['a private key'] : [])],
        `${path} ${mode}`,
      ).toEqual([]);
    }
  });

  it('keelson’s outputs, plans and events hold none', () => {
    expect(said.some((ran) => ran.stderr.includes('"step.finished"'))).toBe(true);
    for (const ran of said) {
      const text = ran.stdout + ran.stderr;
      expect(secretsIn(text, needles), ran.args.join(' ')).toEqual([]);
      expect(text).not.toMatch(/PRIVATE KEY-----|AGE-SECRET-KEY-1/);
    }
  });

  it('what lies in the operator’s folders is sealed: no file but the identity’s own holds one', () => {
    const holding = filesBelow(cluster.folder).filter(
      (path) => secretsIn(readFileSync(path, 'latin1'), needles).length > 0,
    );
    expect(holding).toEqual([cluster.identityFile]);
    expect((statSync(cluster.identityFile).mode & 0o777).toString(8)).toBe('600');
    const journals = filesBelow(join(cluster.vault, 'runs'));
    expect(journals).toHaveLength(2);
    expect(readFileSync(journals[0] ?? '', 'utf8')).toContain('step.started');
    const inClear = filesBelow(cluster.vault).filter((path) => /PRIVATE KEY-----/.test(readFileSync(path, 'latin1')));
    expect(inClear).toEqual([]);
  });

  it('nothing of a run is left in the operator’s temporary folder', () => {
    const left = readdirSync(tmpdir()).filter((name) => name.startsWith('keelson-') && !cluster.folder.endsWith(name));
    const holding = left
      .flatMap((name) => filesBelow(join(tmpdir(), name)))
      .filter((path) => secretsIn(readFileSync(path, 'latin1'), needles).length > 0);
    expect(holding).toEqual([]);
  });

  it.each(['etcd-0', 'etcd-1', 'etcd-2'])('%s: no log and no file but the keys’ own holds one', async (name) => {
    const shell = shellOn(cluster.machine(name));
    const journal = await shell(
      'journalctl --no-pager -o export; cat /var/log/*.log /var/log/pods/*/*/*.log 2>/dev/null; true',
    );
    expect(journal).toContain('kubelet');
    expect(secretsIn(journal, needles)).toEqual([]);
    expect(journal).not.toMatch(/PRIVATE KEY-----/);

    const pieces = needles.flatMap((needle) => needle.pieces).join('\n');
    const search = `
      printf '%s\\n' "$1" > /run/needles
      find / /run /tmp /dev/shm -xdev -type f ! -path /run/needles -print0 2>/dev/null |
        LC_ALL=C xargs -0 grep -laF -f /run/needles -- 2>/dev/null | sort
      rm /run/needles`;
    const own = leaves.map((leaf) => `${PKI}/${leaf}.key`).sort();
    // Each key is found in its own file, and nothing is found anywhere else.
    expect((await shell(search, pieces)).trim().split('\n')).toEqual(own);
  });
});

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
