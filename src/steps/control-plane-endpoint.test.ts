import { describe, expect, it } from 'vitest';
import { known, openVault } from '../../test/checks/scene.ts';
import { stackedConfig } from '../../test/checks/stacked.ts';
import { desire } from '../desired/desire.ts';
import type { EndpointFact, HostFacts, KubeClusterFact } from '../facts/types.ts';
import { hostId } from '../model/ids.ts';
import type { World } from '../ports/world.ts';
import { manualClock } from '../testing/manual-clock.ts';
import { controlPlaneEndpoint } from './control-plane-endpoint.ts';
import type { View } from './types.ts';

const on = hostId('cp-0');
const OWN = '    loadBalancer: { kind: haproxy-keepalived, virtualIP: 10.77.0.100 }\n';
const USERS = '    loadBalancer: { kind: external }\n';

function viewOf(endpoint: EndpointFact | null, lacking: readonly string[] | null = null, controlPlane = OWN): View {
  const vault = openVault('founding');
  const cluster = lacking === null ? null : ({ lacking } as unknown as KubeClusterFact);
  return {
    desired: desire(stackedConfig({ source: 'preinstalled', controlPlane }), vault, { source: 'preinstalled' }),
    facts: {
      hosts: new Map([[on, { endpoint: known(endpoint) } as unknown as HostFacts]]),
      etcd: known({ endpoints: new Map() }),
      kube: known({ servers: new Map(), cluster }),
      vault: known(vault),
    },
  };
}

const step = (state: string) => controlPlaneEndpoint.bind({ state }, on);

describe('the verdict', () => {
  it.each<['open' | 'answers', EndpointFact | null, readonly string[] | null, string]>([
    ['open', null, null, 'needed'],
    ['open', { is: 'refused' }, null, 'satisfied'],
    // haproxy accepts and has no server behind it.
    ['open', { is: 'silent' }, null, 'satisfied'],
    ['open', { is: 'timed-out' }, null, 'needed'],
    ['open', { is: 'unreachable', why: 'no route' }, null, 'needed'],
    // Half an init: what follows joins through the endpoint all the same.
    ['open', { is: 'timed-out' }, ['Deployment kube-system/coredns'], 'needed'],
    ['open', { is: 'timed-out' }, [], 'satisfied'],
    ['answers', { is: 'refused' }, [], 'needed'],
    ['answers', { is: 'silent' }, [], 'needed'],
    ['answers', { is: 'timed-out' }, [], 'needed'],
    ['answers', { is: 'answers' }, [], 'satisfied'],
    ['answers', null, null, 'needed'],
  ])('%s, seen %j, the cluster lacks %j: %s', (state, fact, lacking, expected) => {
    expect(step(state).judge(viewOf(fact, lacking)).is).toBe(expected);
  });
});

/** Plays one answer after the other, the last one again and again. */
async function wait(state: string, answers: readonly string[], controlPlane = OWN) {
  const clock = manualClock();
  const notes: string[] = [];
  let asked = 0;
  const world = {
    clock,
    signal: new AbortController().signal,
    note: (text: string) => void notes.push(text),
    host: {
      id: on,
      runAll: async () => {
        const stdout = answers[Math.min(asked, answers.length - 1)] ?? '';
        asked += 1;
        return [{ exitCode: 0, stdout, stderr: '' }];
      },
    },
  } as unknown as World;
  const begun = clock.monotonicMs();
  const code = await clock
    .drive(step(state).apply(world, viewOf(null, null, controlPlane)))
    .then(() => 'done')
    .catch((error: { code: string }) => error.code);
  return { code, notes, asked, seconds: (clock.monotonicMs() - begun) / 1000 };
}

describe('apply', () => {
  it('waits until keepalived has taken the address, and says once what it waits for', async () => {
    expect(await wait('open', ['timed-out\n', 'timed-out\n', 'silent\n'])).toMatchObject({
      code: 'done',
      asked: 3,
      notes: ['10.77.0.100:8443: no answer, neither yes nor no'],
    });
  });

  it.each([
    ['open', 'timed-out\n', 'endpoint.timeout'],
    ['open', 'unreachable|no route to host\n', 'endpoint.unreachable'],
    ['answers', 'refused\n', 'endpoint.no-api-server'],
    ['answers', 'silent\n', 'endpoint.no-api-server'],
    ['answers', 'timed-out\n', 'endpoint.timeout'],
  ])('%s, always %j: %s', async (state, answer, code) => {
    expect((await wait(state, [answer])).code).toBe(code);
  });

  it('waits for nobody before init when the load balancer is the user’s, who is not at work on it', async () => {
    const [own, users] = [await wait('open', ['timed-out\n']), await wait('open', ['timed-out\n'], USERS)];
    expect([own.seconds, users.seconds]).toEqual([25, 5]);
  });
});
