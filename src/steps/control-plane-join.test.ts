import { describe, expect, it } from 'vitest';
import { nodeFact, nodesView, stackedConfig } from '../../test/checks/stacked.ts';
import type { EtcdEndpointFacts, KubeFacts, KubeServerFact, NodeFact } from '../facts/types.ts';
import { hostId } from '../model/ids.ts';
import type { World } from '../ports/world.ts';
import { controlPlaneJoin } from './control-plane-join.ts';
import type { View } from './types.ts';

const on = hostId('cp-1');
const step = controlPlaneJoin.bind({}, on);
const MARK = 'node-role.kubernetes.io/control-plane';
const whole = nodeFact({ manifests: new Set(['etcd', 'kube-apiserver', 'kube-scheduler']), kubeletConfigured: true });
const ready: KubeServerFact = { is: 'ok', ready: true, failing: [], version: 'v1.36.3' };

function endpoint(change: object = {}): EtcdEndpointFacts {
  const status = { clusterId: 'c1', memberId: 'm1', leaderId: 'm0', isLearner: false, errors: [], ...change };
  return { status: { is: 'ok', value: status }, linearizableRead: { is: 'ok', value: true } } as never;
}

interface Seen {
  node?: NodeFact;
  labels?: Record<string, string> | null;
  server?: KubeServerFact;
  etcd?: object;
  external?: boolean;
}

function viewOf({ node = whole, labels = { [MARK]: '' }, server = ready, etcd = {}, external = false }: Seen): View {
  const nodes = new Map(labels === null ? [] : [['cp-1', { labels }]]);
  const kube = { servers: new Map([[on, server]]), cluster: { through: 'cp-0', nodes, lacking: [] } };
  const members = `    - { name: etcd-0, address: 10.77.0.10, roles: [etcd] }
    - { name: etcd-1, address: 10.77.0.11, roles: [etcd] }
    - { name: etcd-2, address: 10.77.0.12, roles: [etcd] }`;
  const config = stackedConfig({
    source: 'preinstalled',
    ...(external ? { etcd: '{ topology: external }', hosts: members } : {}),
  });
  return nodesView(config, {
    hosts: { 'cp-1': { node } },
    kube: kube as unknown as KubeFacts,
    etcd: { endpoints: new Map([[on, endpoint(etcd)]]) },
  });
}

function verdict(seen: Seen): unknown {
  const check = step.judge(viewOf(seen));
  return check.is === 'needed' ? check.changes.map(({ summary }) => summary) : check.is;
}

const JOIN = ['kubeadm join --control-plane, node cp-1'];

describe('the verdict', () => {
  it.each<[string, Seen, unknown]>([
    ['nothing is there', { node: nodeFact(), labels: null }, JOIN],
    ['cut off before the node was marked', { labels: {} }, JOIN],
    ['the node is there, and the machine was wiped', { node: nodeFact() }, JOIN],
    ['whole', {}, 'satisfied'],
    // It has joined, whatever its health: joining again would disturb it.
    [
      'its API server is starting',
      { server: { is: 'ok', ready: false, failing: ['etcd'], version: '' } },
      ['wait for cp-1: its API server is not ready: etcd'],
    ],
    [
      'its API server is away',
      { server: { is: 'failed', message: 'connection refused' } },
      ['wait for cp-1: connection refused'],
    ],
    ['its member does not vote', { etcd: { isLearner: true } }, ['wait for cp-1: its etcd: it is a learner']],
    ['etcd is elsewhere', { etcd: { isLearner: true }, external: true }, 'satisfied'],
  ])('%s', (_when, seen, expected) => expect(verdict(seen)).toEqual(expected));
});

it('joins nothing again that has joined', async () => {
  const touched = new Proxy({}, { get: (_, name) => expect.fail(`it uses ${String(name)}`) }) as World;
  await step.apply(touched, viewOf({ server: { is: 'failed', message: 'connection refused' } }));
});
