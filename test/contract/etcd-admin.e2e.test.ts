import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEtcdAdmin, type OpenEtcdAdmin } from '../../src/etcd/admin.ts';
import type { EtcdCredentials } from '../../src/etcd/connection.ts';
import { Secret } from '../../src/model/secret.ts';
import type { Reply } from '../../src/ports/etcd-admin.ts';
import { type TestAuthority, type TestLeaf, testAuthority, testLeaf } from './etcd-admin-certificates.ts';
import {
  dialTcp,
  type EtcdPrograms,
  etcdctl,
  etcdPrograms,
  type TestMember,
  testMembers,
  until,
} from './etcd-admin-cluster.ts';

// The real client against three real members with mutual TLS; one file, in order, because the members are stopped at its end.

const TIMEOUT_MS = 3000;
const linearizable = { linearizable: true };
const serializable = { linearizable: false };
const never = new AbortController().signal;

let folder: string;
let programs: EtcdPrograms;
let ca: TestAuthority;
let otherCa: TestAuthority;
let client: TestLeaf;
let members: readonly TestMember[];
let single: TestMember;
let admin: OpenEtcdAdmin;
const opened: OpenEtcdAdmin[] = [];

function adminWith(credentials: Partial<EtcdCredentials> & { ca: string }): OpenEtcdAdmin {
  const own = { cert: client.cert, key: client.key, ...credentials };
  const made = createEtcdAdmin({ dial: dialTcp, credentials: async () => own, timeoutMs: TIMEOUT_MS });
  opened.push(made);
  return made;
}

function member(index: number): TestMember {
  const found = members[index];
  if (found === undefined) throw new Error('no such member');
  return found;
}

function value<T>(reply: Reply<T>): T {
  if (reply.is === 'failed') throw new Error(`${reply.reason}: ${reply.message}`);
  return reply.value;
}

function reason(reply: Reply<unknown>): string {
  return reply.is === 'ok' ? 'ok' : reply.reason;
}

async function rejections(m: TestMember): Promise<string[]> {
  return (await m.log()).split('\n').filter((line) => line.includes('rejected connection'));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keelson-etcd-'));
  programs = await etcdPrograms(folder);
  ca = await testAuthority(folder, 'etcd-ca');
  otherCa = await testAuthority(folder, 'other-ca');
  client = await testLeaf(ca, 'client', { ips: [], usage: 'clientAuth' });
  members = await testMembers(programs, join(folder, 'three'), ca, { name: 'three', count: 3 });
  const small = { name: 'one', count: 1, flags: ['--quota-backend-bytes', String(2 * 1024 * 1024)] };
  const [one] = await testMembers(programs, join(folder, 'one'), ca, small);
  single = one as TestMember;
  for (const m of [...members, single]) m.start();
  admin = adminWith({ ca: await readFile(ca.caFile, 'utf8') });
  for (const m of members) {
    await until(
      () => admin.get(m.client, '/warm-up', never, linearizable),
      (reply) => reply.is === 'ok',
    );
  }
});

afterAll(async () => {
  for (const a of opened) a.close();
  await Promise.all([...(members ?? []), ...(single === undefined ? [] : [single])].map((m) => m.stop('SIGKILL')));
  await rm(folder, { recursive: true, force: true });
});

describe('a healthy cluster', () => {
  it('names members and cluster as etcdctl does', async () => {
    const list = value(await admin.members(member(1).client, never, linearizable));
    const line = ['--endpoints', `https://${member(0).client.address}:${member(0).client.port}`, 'member', 'list'];
    const theirs = await etcdctl(programs, client, ca, line);
    const ours = list.members.map((m) =>
      [m.id, 'started', m.name, m.peerUrls.join(), m.clientUrls.join(), m.isLearner].join(', '),
    );
    expect(theirs.trim().split('\n').toSorted()).toEqual(ours.toSorted());
    const text = await etcdctl(programs, client, ca, [...line, '-w', 'fields']);
    expect(BigInt(`0x${list.clusterId}`).toString()).toBe(/"ClusterID" : (\d+)/.exec(text)?.[1]);
  });

  it('tells the status of each member', async () => {
    const statuses = await Promise.all(members.map(async (m) => value(await admin.status(m.client, never))));
    const list = value(await admin.members(member(0).client, never, serializable));
    expect(new Set(statuses.map((s) => s.clusterId))).toEqual(new Set([list.clusterId]));
    for (const [i, status] of statuses.entries()) {
      expect(status.memberId).toBe(list.members.find((m) => m.name === member(i).name)?.id);
      expect(status).toMatchObject({ version: '3.6.8', isLearner: false, errors: [], quotaBytes: 2 * 1024 ** 3 });
      expect(status.dbSizeBytes).toBeGreaterThanOrEqual(status.dbSizeInUseBytes);
      expect(status.dbSizeInUseBytes).toBeGreaterThan(0);
      expect(BigInt(status.raftIndex)).toBeGreaterThanOrEqual(BigInt(status.raftAppliedIndex));
      expect(BigInt(status.raftAppliedIndex)).toBeGreaterThan(0n);
    }
    expect(new Set(statuses.map((s) => s.leaderId)).size).toBe(1);
    expect(list.members.map((m) => m.id)).toContain(statuses[0]?.leaderId);
  });

  it('writes through one member and reads through each other at once', async () => {
    for (const [i, writer] of members.entries()) {
      const revision = value(await admin.put(writer.client, '/key', `välue ${i}`, never));
      for (const reader of members) {
        const read = value(await admin.get(reader.client, '/key', never, linearizable));
        expect(read.value).toBe(`välue ${i}`);
        expect(BigInt(read.revision)).toBeGreaterThanOrEqual(BigInt(revision));
      }
    }
    expect(value(await admin.remove(member(0).client, '/key', never))).toBe(true);
    expect(value(await admin.remove(member(1).client, '/key', never))).toBe(false);
    expect(value(await admin.get(member(2).client, '/key', never, linearizable)).value).toBeNull();
  });

  it('gets the same hash from each member at the same revision', async () => {
    const revision = value(await admin.put(member(0).client, '/hashed', 'x', never));
    for (const m of members) {
      await until(
        () => admin.get(m.client, '/hashed', never, linearizable),
        (r) => r.is === 'ok',
      );
    }
    const hashes = await Promise.all(members.map(async (m) => value(await admin.hashKv(m.client, revision, never))));
    expect(new Set(hashes.map((h) => h.hash)).size).toBe(1);
    expect(hashes.map((h) => h.hashRevision)).toEqual([revision, revision, revision]);
    const future = await admin.hashKv(member(0).client, '999999', never);
    expect(future).toMatchObject({ is: 'failed', reason: 'other' });
  });

  it('lets another member lead, when the leader is asked', async () => {
    const statuses = await Promise.all(members.map(async (m) => value(await admin.status(m.client, never))));
    const from = statuses.findIndex((s) => s.leaderId === s.memberId);
    const to = (from + 1) % members.length;
    const target = statuses[to]?.memberId ?? '';
    const refused = await admin.moveLeader(member(to).client, target, never);
    expect(refused).toMatchObject({ is: 'failed', reason: 'other' });
    expect(value(await admin.moveLeader(member(from).client, target, never))).toBe(true);
    for (const m of members) {
      await until(
        () => admin.status(m.client, never),
        (status) => status.is === 'ok' && status.value.leaderId === target,
      );
    }
  });

  it('has no alarms', async () => {
    expect(value(await admin.alarms(member(2).client, never))).toEqual([]);
  });

  it('opens one connection for many calls at once', async () => {
    let dialled = 0;
    const counting = createEtcdAdmin({
      dial: (e, s) => {
        dialled += 1;
        return dialTcp(e, s);
      },
      credentials: async () => ({ ca: await readFile(ca.caFile, 'utf8'), cert: client.cert, key: client.key }),
      timeoutMs: 10_000,
    });
    opened.push(counting);
    const replies = await Promise.all(Array.from({ length: 500 }, () => counting.status(member(0).client, never)));
    expect(replies.filter((r) => r.is !== 'ok')).toEqual([]);
    expect(dialled).toBe(1);
  });

  it('leaves no complaint in a member’s log when it looks at certificates', async () => {
    for (const m of members) {
      value(await admin.servedCertificate(m.client, never));
      value(await admin.servedPeerCertificate(m.peer, never));
    }
    // A refused connection is in the log last, so all before it are too.
    const before = (await Promise.all(members.map(rejections))).flat();
    const without = adminWith({ ca: await readFile(ca.caFile, 'utf8'), cert: '', key: new Secret('') });
    for (const m of members) {
      expect(reason(await without.status(m.client, never))).toBe('tls');
      await until(
        () => rejections(m),
        (lines) => lines.length > 0,
      );
    }
    const after = (await Promise.all(members.map(rejections))).flat();
    expect([before, after.length]).toEqual([[], members.length]);
  });
});

describe('trust', () => {
  it('calls a server of another authority untrusted', async () => {
    const reply = await adminWith({ ca: await readFile(otherCa.caFile, 'utf8') }).status(member(0).client, never);
    expect(reason(reply)).toBe('tls');
  });

  it('calls a member that stands at another member’s address untrusted', async () => {
    const swapped = createEtcdAdmin({
      dial: (_, s) => dialTcp(member(1).client, s),
      credentials: async () => ({ ca: await readFile(ca.caFile, 'utf8'), cert: client.cert, key: client.key }),
      timeoutMs: TIMEOUT_MS,
    });
    opened.push(swapped);
    expect(reason(await swapped.status(member(0).client, never))).toBe('tls');
    expect(reason(await swapped.status(member(1).client, never))).toBe('ok');
  });

  it.each(['none', 'of another authority', 'for servers alone'])(
    'hears that its own certificate is refused: %s',
    async (which) => {
      const trusted = await readFile(ca.caFile, 'utf8');
      const own =
        which === 'none'
          ? { cert: '', key: new Secret('') }
          : which === 'for servers alone'
            ? await testLeaf(ca, 'server-only', { ips: [], usage: 'serverAuth' })
            : await testLeaf(otherCa, 'stranger', { ips: [], usage: 'clientAuth' });
      const stranger = adminWith({ ca: trusted, cert: own.cert, key: own.key });
      // The first call and one on the connection made anew after it, several times: it must not depend on who is first.
      for (let i = 0; i < 10; i++) {
        const reply = await stranger.put(member(i % 3).client, '/forbidden', 'x', never);
        expect(reply).toMatchObject({ is: 'failed', reason: 'tls' });
      }
      expect(value(await admin.get(member(0).client, '/forbidden', never, linearizable)).value).toBeNull();
    },
  );

  it('shows the certificates as served, and the new one once the file is replaced', async () => {
    const m = member(0);
    const before = value(await admin.servedCertificate(m.client, never));
    expect(before).toEqual({ pem: m.server.cert, chain: [] });
    expect(value(await admin.servedPeerCertificate(m.peer, never)).pem).toBe(m.peerLeaf.cert);
    const renewed = await testLeaf(ca, `${m.name}-server`, { ips: [m.client.address], usage: 'serverAuth,clientAuth' });
    expect(renewed.cert).not.toBe(before.pem);
    const after = value(await admin.servedCertificate(m.client, never));
    expect(after.pem).toBe(await readFile(m.server.certificateFile, 'utf8'));
    expect(after.pem).toBe(renewed.cert);
    expect(reason(await admin.status(m.client, never))).toBe('ok');
  });

  it('shows a certificate that it would not trust', async () => {
    const suspicious = adminWith({ ca: await readFile(otherCa.caFile, 'utf8') });
    const shown = value(await suspicious.servedCertificate(member(1).client, never));
    expect(shown.pem).toBe(member(1).server.cert);
  });
});

describe('a full database', () => {
  it('says NOSPACE for its member', async () => {
    const me = await until(
      () => admin.status(single.client, never),
      (r) => r.is === 'ok' && r.value.leaderId !== null,
    );
    const block = 'x'.repeat(200_000);
    const full = await until(
      () => admin.put(single.client, `/block/${performance.now()}`, block, never),
      (reply) => reply.is === 'failed',
    );
    expect(full).toEqual({ is: 'failed', reason: 'other', message: 'etcdserver: mvcc: database space exceeded' });
    const alarms = await until(
      () => admin.alarms(single.client, never),
      (r) => r.is === 'ok' && r.value.length > 0,
    );
    expect(value(alarms)).toEqual([{ memberId: value(me).memberId, type: 'NOSPACE' }]);
    const status = value(await admin.status(single.client, never));
    expect(status.quotaBytes).toBe(2 * 1024 * 1024);
    expect(status.errors.join()).toContain('NOSPACE');
  });
});

describe('members that are not well', () => {
  it('gives up on a frozen member in time and finds it again', async () => {
    const frozen = member(2);
    value(await admin.status(frozen.client, never));
    await frozen.freeze();
    const started = performance.now();
    const replies = await Promise.all([
      admin.status(frozen.client, never),
      admin.get(frozen.client, '/key', never, linearizable),
      admin.servedCertificate(frozen.client, never),
    ]);
    expect(replies.map(reason)).toEqual(['timeout', 'timeout', 'timeout']);
    expect(performance.now() - started).toBeLessThan(TIMEOUT_MS + 1000);
    frozen.thaw();
    expect(reason(await admin.status(frozen.client, never))).toBe('ok');
  });

  it('stops at once when the caller gives up', async () => {
    const frozen = member(2);
    await frozen.freeze();
    const controller = new AbortController();
    const asked = admin.get(frozen.client, '/key', controller.signal, linearizable);
    const why = new Error('enough');
    const started = performance.now();
    setTimeout(() => controller.abort(why), 100);
    await expect(asked).rejects.toBe(why);
    expect(performance.now() - started).toBeLessThan(1000);
    frozen.thaw();
    await expect(admin.status(frozen.client, controller.signal)).rejects.toBe(why);
  });

  it('hears a refusal from a stopped member, and finds it again after its restart', async () => {
    const stopped = member(1);
    value(await admin.status(stopped.client, never));
    await stopped.stop('SIGKILL');
    expect(reason(await admin.status(stopped.client, never))).toBe('refused');
    expect(reason(await admin.servedCertificate(stopped.client, never))).toBe('refused');
    expect(reason(await admin.servedPeerCertificate(stopped.peer, never))).toBe('refused');
    await until(
      () => admin.put(member(0).client, '/with-two', 'x', never),
      (r) => r.is === 'ok',
    );
    stopped.start();
    await until(
      () => admin.get(stopped.client, '/with-two', never, linearizable),
      (r) => r.is === 'ok' && r.value.value === 'x',
    );
  });

  it('tells a lost quorum in time, and what still can be known', async () => {
    const [left, ...others] = [member(0), member(1), member(2)];
    value(await admin.put(left.client, '/before', 'there', never));
    await Promise.all(others.map((m) => m.stop('SIGKILL')));
    // At first it may still be the leader, or believe in one: then only the deadline tells.
    const started = performance.now();
    const first = await admin.get(left.client, '/before', never, linearizable);
    expect(['timeout', 'no-leader']).toContain(reason(first));
    expect(performance.now() - started).toBeLessThan(TIMEOUT_MS + 1000);
    const status = await until(
      () => admin.status(left.client, never),
      (r) => r.is === 'ok' && r.value.leaderId === null,
    );
    expect(value(status).errors).toContain('etcdserver: no leader');
    const start = performance.now();
    expect(reason(await admin.get(left.client, '/before', never, linearizable))).toBe('no-leader');
    expect(reason(await admin.put(left.client, '/before', 'x', never))).toBe('no-leader');
    expect(reason(await admin.remove(left.client, '/before', never))).toBe('no-leader');
    expect(reason(await admin.members(left.client, never, linearizable))).toBe('no-leader');
    expect(reason(await admin.alarms(left.client, never))).toBe('no-leader');
    expect(performance.now() - start).toBeLessThan(1000);
    expect(value(await admin.get(left.client, '/before', never, serializable)).value).toBe('there');
    expect(value(await admin.members(left.client, never, serializable)).members).toHaveLength(3);
    for (const m of others) m.start();
    await until(
      () => admin.get(left.client, '/before', never, linearizable),
      (r) => r.is === 'ok' && r.value.value === 'there',
    );
  });

  it('takes nothing more once it is closed', async () => {
    const mine = adminWith({ ca: await readFile(ca.caFile, 'utf8') });
    value(await mine.status(member(0).client, never));
    await member(2).freeze();
    const running = mine.get(member(2).client, '/before', never, linearizable);
    mine.close();
    expect(reason(await running)).toBe('other');
    member(2).thaw();
    await expect(mine.status(member(0).client, never)).rejects.toThrow('closed');
  });
});
