import { goDurationSeconds } from '../config/duration.ts';
import type { Desired } from '../desired/types.ts';
import { clientEndpoint, readEtcd } from '../facts/etcd.ts';
import type { EtcdFacts } from '../facts/types.ts';
import { KeelsonError } from '../model/errors.ts';
import { isFounded } from '../ports/vault.ts';
import type { World } from '../ports/world.ts';
import { memberHealth } from './etcd-member.ts';
import { noParams } from './params.ts';
import { defineStep, type View } from './types.ts';

const POLL_MS = 200;
/** Holds the cluster's uid from the handover on: proof, in etcd itself, of whose cluster it is. */
export const MARKER_KEY = 'keelson/cluster';

/** Waits until every member is a healthy voter of one cluster, and records that cluster's id in the vault. */
export const etcdFounded = defineStep({
  kind: 'etcd-founded',
  risk: 'safe',
  attempts: 1,
  settleMs: 0,
  parse: noParams,
  title: () => 'see all members vote in one cluster, and record its id',
  reads: () => ['vault'],
  judge: (_params, { desired }) =>
    isFounded(desired.cluster.phase)
      ? { is: 'satisfied' }
      : { is: 'needed', changes: [{ summary: 'cluster: founding -> founded' }] },
  apply: async (_params, world, { desired }) => {
    const clusterId = await waitForMembers(world, desired);
    await world.vault.updateEtcd({ phase: 'founded', clusterId, foundedAt: world.clock.now().toISOString() });
  },
});

/**
 * From here on the cluster may be in use: all members are hardened and verified by a write and a linearizable read through each. The
 * marker goes into etcd first, then the vault says so.
 */
export const etcdHandover = defineStep({
  kind: 'etcd-handover',
  risk: 'safe',
  attempts: 2,
  settleMs: 0,
  parse: noParams,
  title: () => 'write and read through every member, and hand the cluster over',
  reads: () => ['vault'],
  judge: (_params, { desired }) =>
    desired.cluster.phase === 'handed-over'
      ? { is: 'satisfied' }
      : { is: 'needed', changes: [{ summary: 'cluster: founded -> handed over' }] },
  apply: async (_params, world, { desired, facts }) => {
    if (facts.vault.is !== 'known' || facts.vault.value.is !== 'open') throw new Error('the vault is not open');
    const { clusterUid, etcd } = facts.vault.value.identity;
    await waitForMembers(world, desired);
    for (const member of desired.members) {
      const endpoint = clientEndpoint(desired, member);
      const put = await world.etcd.put(endpoint, MARKER_KEY, clusterUid, world.signal);
      const read =
        put.is === 'failed' ? put : await world.etcd.get(endpoint, MARKER_KEY, world.signal, { linearizable: true });
      if (read.is === 'failed' || read.value.value !== clusterUid) {
        throw new KeelsonError(
          'etcd.verification',
          `a write and read through ${member.name} failed: ${read.is === 'failed' ? read.message : 'another value came back'}`,
          {
            host: member.host,
          },
        );
      }
    }
    await world.vault.updateEtcd({ ...etcd, phase: 'handed-over', handedOverAt: world.clock.now().toISOString() });
  },
});

async function waitForMembers(world: World, desired: Desired): Promise<string> {
  const end = world.clock.monotonicMs() + goDurationSeconds(desired.config.spec.timeouts.memberHealthy) * 1000;
  let told = '';
  for (;;) {
    const state = verdict(desired, await readEtcd(desired, world.etcd, world.signal));
    if (state.is === 'healthy') return state.clusterId;
    if (state.is === 'wrong') throw new KeelsonError('etcd.verification', state.because);
    if (world.clock.monotonicMs() >= end) {
      throw new KeelsonError(
        'etcd.not-healthy',
        `the members did not become healthy in ${desired.config.spec.timeouts.memberHealthy}: ${state.because}`,
      );
    }
    if (state.because !== told) world.note(state.because);
    told = state.because;
    await world.clock.sleep(POLL_MS, world.signal);
  }
}

type Verdict =
  | { is: 'healthy'; clusterId: string }
  | { is: 'waiting'; because: string }
  | { is: 'wrong'; because: string };

/** n started voters, one leader, one cluster id, names and URLs as configured. */
export function verdict(desired: Desired, etcd: EtcdFacts): Verdict {
  const view = {
    desired,
    facts: {
      hosts: new Map(),
      etcd: { is: 'known', value: etcd, at: '' },
      kube: { is: 'unknown', because: 'not asked' },
      vault: { is: 'unknown', because: '' },
    },
  } satisfies View;
  const ill = desired.members
    .map((m) => ({ name: m.name, why: memberHealth(view, m.host) }))
    .filter((m) => m.why !== null);
  if (ill.length > 0) return { is: 'waiting', because: ill.map((m) => `${m.name}: ${m.why}`).join('; ') };
  const clusterIds = new Set<string>();
  const leaders = new Set<string | null>();
  for (const member of desired.members) {
    const endpoint = etcd.endpoints.get(member.host);
    if (endpoint === undefined || endpoint.status.is === 'failed') continue;
    if (endpoint.members.is === 'failed')
      return { is: 'waiting', because: `${member.name}: ${endpoint.members.message}` };
    clusterIds.add(endpoint.status.value.clusterId);
    leaders.add(endpoint.status.value.leaderId);
    const listed = endpoint.members.value.members;
    const wrong = desired.members.find(
      (m) =>
        !listed.some(
          (l) =>
            l.name === m.name && !l.isLearner && l.peerUrls.includes(m.peerUrl) && l.clientUrls.includes(m.clientUrl),
        ),
    );
    if (wrong !== undefined)
      return { is: 'waiting', because: `${member.name} does not list ${wrong.name} with its URLs yet` };
    if (listed.length !== desired.members.length)
      return {
        is: 'wrong',
        because: `${member.name} lists ${listed.length} members instead of ${desired.members.length}`,
      };
  }
  const [clusterId] = clusterIds;
  if (clusterIds.size !== 1 || clusterId === undefined)
    return { is: 'wrong', because: `the members are in ${clusterIds.size} clusters: ${[...clusterIds].join(', ')}` };
  if (leaders.size !== 1) return { is: 'waiting', because: 'the members do not agree on a leader yet' };
  return { is: 'healthy', clusterId };
}
