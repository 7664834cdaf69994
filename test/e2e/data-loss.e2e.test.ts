import { cpSync, existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EtcdGateway } from './etcd-gateway.ts';
import { parseEvent } from './events.ts';
import { type ClusterYaml, createTestCluster, type TestCluster } from './harness.ts';
import { type IdentityWatch, watchIdentities } from './identity-watch.ts';
import { type Load, type LoadReport, startLoad } from './load.ts';
import { ofAll, processesOf, treeDifferences, treeOf } from './machine-state.ts';
import { expectNothingLost, expectSameContents } from './watched-cluster.ts';

const names = ['etcd-0', 'etcd-1', 'etcd-2'];
const DATA = '/var/lib/etcd';
/** Where the data is put aside, so that one cluster serves many cases: for keelson and for etcd it is gone. */
const ASIDE = '/var/lib/lost-member';

// The whole file works on one cluster, in order: each case begins with a healthy one, until the last.
describe('lost data and lost vaults', () => {
  let cluster: TestCluster;
  let members: readonly EtcdGateway[];
  let identities: IdentityWatch;
  let clusterId: string;
  let load: Load;
  const vaults = { new: '', founding: '' };

  beforeAll(async () => {
    cluster = await createTestCluster({ name: 'e2e-data-loss' });
    await cluster.keelsonEnds(0, ['hosts', 'trust', '--yes']);
    await cluster.keelsonEnds(0, ['apply', '--yes', '-o', 'json'], { onLine: copyVaultAt(vaults) });
    members = await cluster.gateways();
    clusterId = (await memberOf('etcd-0').status()).clusterId;
    identities = watchIdentities(members);
    load = startLoad(members, { name: 'loss' });
  });
  afterAll(async () => {
    await load?.stop();
    await identities?.stop();
    await cluster?.[Symbol.asyncDispose]();
  });

  /** Copies of the vault as it was before the founding: what a backup that is too old holds. */
  function copyVaultAt(into: { new: string; founding: string }): (line: string) => void {
    const kinds = new Map<string, string>();
    return (line) => {
      const event = parseEvent(line);
      for (const step of event?.plan?.steps ?? []) kinds.set(step.id, step.kind);
      if (event?.type !== 'step.finished') return;
      const kind = kinds.get(event.step ?? '');
      const name = kind === 'cluster-identity' ? 'new' : kind === 'founding-begins' ? 'founding' : null;
      if (name === null) return;
      into[name] = join(cluster.folder, `vault-${name}`);
      cpSync(cluster.vault, into[name], { recursive: true });
    };
  }

  function memberOf(name: string): EtcdGateway {
    const member = members.find((m) => m.name === name);
    if (member === undefined) throw new Error(`no member ${name}`);
    return member;
  }

  const membersBut = (gone: readonly string[]) => members.filter((m) => !gone.includes(m.name));

  /** Refused with these codes, and nothing was written on any machine, nor anything started or stopped. */
  async function expectRefused(
    codes: readonly string[],
    options: { readonly args?: readonly string[] } = {},
  ): Promise<void> {
    const look = async () => ({
      trees: await ofAll(cluster.machines(), (m) => treeOf(m, ['/etc'], ['/etc'])),
      kubelets: await ofAll(cluster.machines(), async (m) => (await processesOf(m)).kubelet),
    });
    const before = await look();
    const ran = await cluster.keelsonEnds(5, ['apply', '--yes', '-o', 'json', ...(options.args ?? [])]);
    const { error, exitCode }: ClusterYaml = JSON.parse(ran.stderr.slice(ran.stderr.indexOf('{')));
    const told = [error.code, ...(error.findings ?? []).map((f: { code: string }) => f.code)];
    expect(exitCode).toBe(5);
    expect([...new Set(told)].sort()).toEqual([...codes].sort());
    expect(error.action).toMatch(/\w/);
    const plan = await cluster.document(5, ['plan', ...(options.args ?? [])]);
    expect(plan.steps).toEqual([]);
    expect([...new Set(plan.refusals.map((f: { code: string }) => f.code))].sort()).toEqual([...codes].sort());
    const after = await look();
    for (const name of names) {
      const [old, now] = [before.trees[name], after.trees[name]];
      if (old === undefined || now === undefined) throw new Error(`${name} was not looked at`);
      expect(treeDifferences(old, now)).toEqual([]);
    }
    expect(after.kubelets).toEqual(before.kubelets);
  }

  async function expectUnhealthy(lost: readonly string[]): Promise<ClusterYaml> {
    const status = await cluster.document(3, ['status']);
    expect(status.healthy).toBe(false);
    const told = status.findings.map((f: { code: string; host?: string }) => [f.code, f.host]);
    if (lost.length === names.length) expect(told).toContainEqual(['safety.all-data-gone', undefined]);
    for (const name of lost) {
      const member = status.etcd.members.find((m: { host: string }) => m.host === name);
      expect(member).toMatchObject({ healthy: false });
      expect(member.problems.join('; ')).toMatch(/data is gone/);
      if (lost.length < names.length) expect(told).toContainEqual(['safety.data-gone', name]);
    }
    return status;
  }

  /** What the last attempt of each kubelet to start etcd was, just before its data is lost. */
  const attemptsOf = (lost: readonly string[]) =>
    Promise.all(lost.map(async (name) => [name, await lastAttempt(name)] as const));

  /** The kubelets have tried to start etcd again and again, and none of these has ever answered. */
  async function expectNeverBack(before: Awaited<ReturnType<typeof attemptsOf>>, since: number): Promise<void> {
    for (const [name, first] of before) {
      const more = async () => (await lastAttempt(name)) - first;
      const message = `the kubelet on ${name} starts etcd again and again`;
      await expect.poll(more, { timeout: 90_000, interval: 200, message }).toBeGreaterThanOrEqual(2);
    }
    const lost = before.map(([name]) => name);
    expect(identities.answeredSince(since).filter((name) => lost.includes(name))).toEqual([]);
    expect([...identities.clusters()]).toEqual([clusterId]);
  }

  /** The kubelet numbers the logs of a container's attempts. */
  async function lastAttempt(name: string): Promise<number> {
    const script = 'ls -d /var/log/pods/*/etcd/*.log | sed -n "s/.*\\/\\([0-9]*\\)\\.log$/\\1/p"';
    const { stdout } = await cluster.machine(name).exec(['sh', '-c', script], { allowFailure: true });
    return Math.max(-1, ...stdout.split('\n').flatMap((line) => (line === '' ? [] : [Number(line)])));
  }

  const killEtcd = (name: string) =>
    cluster.machine(name).exec(['pkill', '-KILL', '-x', 'etcd'], { allowFailure: true });
  // A rename, never a copy: what a running etcd writes meanwhile is then in the files that come back.
  const rename = (from: string, to: string) =>
    `i=$(stat -c %i ${from}); mv -T ${from} ${to}; [ "$(stat -c %i ${to})" = "$i" ]`;
  const takeData = (name: string) => cluster.machine(name).exec(['sh', '-euc', rename(`${DATA}/member`, ASIDE)]);

  async function bringBack(name: string): Promise<void> {
    const script = `
      systemctl stop kubelet
      while pgrep -x etcd >/dev/null; do pkill -KILL -x etcd; sleep 0.1; done
      rm -rf ${DATA}/member; ${rename(ASIDE, `${DATA}/member`)}
      systemctl start kubelet`;
    await cluster.machine(name).exec(['sh', '-euc', script]);
  }

  async function expectHealthy(): Promise<void> {
    const problems = async () => {
      const ran = await cluster.keelson(['status', '-o', 'json']);
      return ran.exitCode === 0 ? [] : ((JSON.parse(ran.stdout) as ClusterYaml).findings ?? [ran.stderr]);
    };
    await expect.poll(problems, { timeout: 120_000, interval: 500 }).toEqual([]);
    await cluster.keelsonEnds(0, ['plan', '--detailed-exitcode']);
  }

  it('vaults of before the founding were kept', () => {
    for (const vault of Object.values(vaults)) expect(existsSync(join(vault, 'cluster.age'))).toBe(true);
  });

  /** Works without the vault, or with another one in its place, and puts the right one back in any case. */
  async function withVault(other: string | null, work: () => Promise<void>): Promise<void> {
    const kept = join(cluster.folder, 'kept');
    renameSync(cluster.vault, kept);
    try {
      if (other === null) await cluster.keelsonEnds(0, ['hosts', 'trust', '--yes']);
      else cpSync(other, cluster.vault, { recursive: true });
      await work();
    } finally {
      rmSync(cluster.vault, { recursive: true, force: true });
      renameSync(kept, cluster.vault);
    }
  }

  it('a lost vault: nothing is founded over a running cluster', async () => {
    await withVault(null, async () => {
      await expectRefused(['safety.vault-lost']);
      const status = await cluster.document(3, ['status']);
      expect(status.findings.map((f: { code: string }) => f.code)).toContain('safety.vault-lost');
    });
    await cluster.keelsonEnds(0, ['plan', '--detailed-exitcode']);
  });

  it.each(['new', 'founding'] as const)(
    'a vault as it was when the cluster was still “%s”: the same',
    async (phase) => {
      await withVault(vaults[phase], () => expectRefused(['safety.vault-old']));
      await cluster.keelsonEnds(0, ['plan', '--detailed-exitcode']);
    },
  );

  it('one member’s data is removed while it runs, and its machine rebooted: it does not come back by itself', async () => {
    await takeData('etcd-1');
    await expectRefused(['safety.data-gone']);
    const attempts = await attemptsOf(['etcd-1']);
    await cluster.machine('etcd-1').reboot();
    await expectNeverBack(attempts, performance.now());
    const status = await expectUnhealthy(['etcd-1']);
    expect(status.etcd.quorum).toMatchObject({ voters: 3, healthy: 2, tolerates: 0 });
    await expectRefused(['safety.data-gone']);
    expect((await memberOf('etcd-0').members()).map((m) => m.name).sort()).toEqual(names);
    await bringBack('etcd-1');
    await expectHealthy();
  });

  it('the same with the leader restarted at that moment: it has no vote, and nothing is lost', async () => {
    const { leader, memberId } = await memberOf('etcd-2').status();
    const lost = leader === memberId ? 'etcd-0' : 'etcd-2';
    const statuses = await Promise.all(members.map((m) => m.status()));
    const leading = members[statuses.findIndex((s) => s.memberId === s.leader)]?.name ?? '';
    expect(leading).not.toBe(lost);
    const attempts = await attemptsOf([lost]);
    await takeData(lost);
    await Promise.all([killEtcd(lost), killEtcd(leading)]);
    await expectNeverBack(attempts, performance.now());
    const before = load.acknowledgedSoFar();
    await expect.poll(() => load.acknowledgedSoFar() - before, { timeout: 30_000 }).toBeGreaterThan(20);
    const status = await expectUnhealthy([lost]);
    expect(status.etcd.quorum).toMatchObject({ voters: 3, healthy: 2, tolerates: 0 });
    await expectRefused(['safety.data-gone']);
    const report = await restartLoad();
    await expectNothingLost(membersBut([lost]), report);
    await bringBack(lost);
    await expectHealthy();
    await expectSameContents(members);
  });

  it('two wiped at once: no quorum, no new cluster, and what the third has is kept', async () => {
    const report = await load.stop();
    await expectNothingLost(members, report);
    const lost = ['etcd-0', 'etcd-2'];
    const attempts = await attemptsOf(lost);
    await Promise.all(lost.map(async (name) => [await takeData(name), await killEtcd(name)]));
    await expectNeverBack(attempts, performance.now());
    const status = await expectUnhealthy(lost);
    expect(status.etcd.quorum).toMatchObject({ voters: 3, healthy: 0, tolerates: 0 });
    expect(status.findings.map((f: { code: string }) => f.code)).toContain('status.quorum-lost');
    await expectRefused(['safety.data-gone']);
    // By itself, without the quorum that it cannot have.
    const kept = await memberOf('etcd-1').list('more/', true);
    for (const [key, value] of report.acknowledged) expect(kept.get(key)).toBe(value);
    await Promise.all(lost.map(bringBack));
    await expectHealthy();
    await expectNothingLost(members, report);
    await expectSameContents(members);
    load = startLoad(members, { name: 'later' });
  });

  it('all wiped: apply founds nothing, with the vault, without it, and with one that is too old', async () => {
    const attempts = await attemptsOf(names);
    await Promise.all(
      names.map(async (name) => {
        await cluster.machine(name).exec(['rm', '-rf', DATA]);
        await killEtcd(name);
      }),
    );
    const killed = performance.now();
    await expectRefused(['safety.all-data-gone']);
    await expectRefused(['safety.all-data-gone']);
    await expectNeverBack(attempts, killed);
    const status = await expectUnhealthy(names);
    expect(status.findings.map((f: { code: string }) => f.code)).toContain('status.quorum-lost');

    await withVault(null, () => expectRefused(['safety.vault-lost']));
    for (const vault of Object.values(vaults)) await withVault(vault, () => expectRefused(['safety.vault-old']));
    expect(identities.answeredSince(killed)).toEqual([]);
    expect([...identities.clusters()]).toEqual([clusterId]);
  });

  /** What was written so far, and a new load from here on. */
  async function restartLoad(): Promise<LoadReport> {
    const report = await load.stop();
    load = startLoad(members, { name: 'more' });
    await sleep(0);
    return report;
  }
});
