import { describe, expect, it } from 'vitest';
import type { KubeManifest } from '../config/kube-manifests.ts';
import { hostId } from '../model/ids.ts';
import type { KubeObject } from '../model/kube-object.ts';
import type { KubeApi, KubeApplied, KubeCall, KubeGot } from '../ports/kube-api.ts';
import { manualClock } from '../testing/manual-clock.ts';
import { applyManifests } from './apply-manifests.ts';

const call: KubeCall = { on: hostId('cp-0'), signal: new AbortController().signal };

function manifest(object: Omit<KubeObject, 'metadata'>, name: string, line: number): KubeManifest {
  return { object: { ...object, metadata: { name } } as KubeObject, where: `cni.yaml:${line}` };
}

const pool = manifest({ apiVersion: 'crd.example.com/v1', kind: 'Pool' }, 'pool', 1);
const daemonSet = manifest({ apiVersion: 'apps/v1', kind: 'DaemonSet' }, 'agent', 10);
const definition = manifest(
  {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    spec: { group: 'crd.example.com', names: { kind: 'Pool' } },
  },
  'pools.crd.example.com',
  20,
);
const namespace = manifest({ apiVersion: 'v1', kind: 'Namespace' }, 'cni', 30);
const all = [pool, daemonSet, definition, namespace];

/** A server that establishes a definition when it was looked at `looks` times, and serves its kind `tries` applies later. */
function fakeServer({ looks = 1, tries = 0, refuse = '' } = {}) {
  const did: string[] = [];
  let [looked, tried] = [0, 0];
  const api: Pick<KubeApi, 'apply' | 'get'> = {
    apply: async (_call, object, options): Promise<KubeApplied> => {
      did.push(`${options?.force === true ? 'force ' : ''}${object.kind}`);
      if (object.kind === refuse) return { is: 'conflict', message: 'somebody else' };
      const isServed = object.kind !== 'Pool' || (looked >= looks && ++tried > tries);
      if (!isServed) return { is: 'unknown-kind', message: 'not served' };
      return { is: 'ok', object, made: object.kind !== 'Namespace' };
    },
    get: async (_call, ref): Promise<KubeGot> => {
      did.push(`look at ${ref.name}`);
      const conditions = [{ type: 'Established', status: ++looked >= looks ? 'True' : 'False' }];
      return { is: 'ok', object: { ...ref, metadata: { name: ref.name }, status: { conditions } } };
    },
  };
  return { api, did };
}

describe('applyManifests', () => {
  it('makes namespaces, then kinds, waits for them, and then the rest in its order', async () => {
    const clock = manualClock();
    const { api, did } = fakeServer({ looks: 3, tries: 2 });
    const done = await clock.drive(applyManifests(api, call, all, { clock, establishMs: 10_000 }));
    expect(done).toMatchObject({ is: 'ok', made: 3, objects: [{ kind: 'Namespace' }, {}, { kind: 'Pool' }, {}] });
    const look = 'look at pools.crd.example.com';
    expect(did).toEqual([
      'Namespace',
      'CustomResourceDefinition',
      look,
      look,
      look,
      'Pool',
      'Pool',
      'Pool',
      'DaemonSet',
    ]);
    expect(clock.monotonicMs()).toBe(1000);
  });

  it('does not wait without new kinds, and passes force on', async () => {
    const { api, did } = fakeServer();
    const options = { clock: manualClock(), establishMs: 0, force: true };
    expect(await applyManifests(api, call, [daemonSet, namespace], options)).toMatchObject({ is: 'ok', made: 1 });
    expect(did).toEqual(['force Namespace', 'force DaemonSet']);
  });

  it('gives up on a kind that is never established, or never served', async () => {
    const clock = manualClock();
    const never = fakeServer({ looks: 1000 });
    expect(await clock.drive(applyManifests(never.api, call, all, { clock, establishMs: 5000 }))).toEqual({
      is: 'late',
      manifest: definition,
      state: 'not established yet',
    });
    expect(clock.monotonicMs()).toBe(5000);
    const unserved = fakeServer({ tries: 1000 });
    expect(await clock.drive(applyManifests(unserved.api, call, all, { clock, establishMs: 5000 }))).toEqual({
      is: 'late',
      manifest: pool,
      state: 'not served',
    });
    expect(clock.monotonicMs()).toBe(10_000);
  });

  it('ends at what the server does not take, and names it', async () => {
    const { api, did } = fakeServer({ refuse: 'DaemonSet' });
    const options = { clock: manualClock(), establishMs: 1000 };
    const answer = { is: 'conflict', message: 'somebody else' };
    expect(await applyManifests(api, call, [daemonSet, namespace], options)).toEqual({
      is: 'not-applied',
      manifest: daemonSet,
      answer,
    });
    const alone = await applyManifests(fakeServer({ looks: 9 }).api, call, [pool], options);
    expect(alone).toMatchObject({ is: 'not-applied', manifest: pool, answer: { is: 'unknown-kind' } });
    expect(did).toEqual(['Namespace', 'DaemonSet']);
  });
});
