import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../model/kube-object.ts';
import { Secret } from '../../model/secret.ts';
import { KubeStore } from './kube-store.ts';

const node = { apiVersion: 'v1', kind: 'Node', name: 'cp-0' };
const applied = (labels: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'cp-0', labels },
});

function storeWithNode(): KubeStore {
  const store = new KubeStore();
  store.put({ ...applied({ zone: 'a' }), spec: { taints: [] } }, 'kubelet');
  return store;
}

describe('apply', () => {
  it('takes away what it gave before and gives no more, and nothing of others', () => {
    const store = storeWithNode();
    store.apply(applied({ zone: 'a', tier: 'front' }));
    expect(store.find(node)?.metadata.labels).toEqual({ zone: 'a', tier: 'front' });
    store.apply(applied({}));
    // The kubelet has given it, too.
    expect(store.find(node)?.metadata.labels).toEqual({ zone: 'a' });
  });

  it('takes a field over from another manager only by force', () => {
    const store = storeWithNode();
    expect(store.apply(applied({ zone: 'b' })).is).toBe('conflict');
    expect(store.apply(applied({ zone: 'b' }), { force: true })).toMatchObject({ is: 'ok', made: false });
    store.apply(applied({}));
    expect(store.find(node)?.metadata.labels).toEqual({});
  });

  it('changes no resourceVersion when it changes nothing', () => {
    const store = storeWithNode();
    store.apply(applied({ tier: 'front' }));
    const before = store.find(node)?.metadata.resourceVersion;
    store.apply(applied({ tier: 'front' }));
    expect(store.find(node)?.metadata.resourceVersion).toBe(before);
  });

  it('makes nothing in a namespace that is not there', () => {
    const metadata = { name: 'x', namespace: 'nowhere' };
    const answer = new KubeStore().apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata });
    expect(answer).toMatchObject({ is: 'refused', status: 404 });
  });

  it('knows no kind that nobody has defined', () => {
    const store = new KubeStore();
    const route: KubeObject = { apiVersion: 'example.com/v1', kind: 'Route', metadata: { name: 'x' } };
    expect(store.apply(route).is).toBe('unknown-kind');
    const spec = { group: 'example.com', names: { kind: 'Route' } };
    const metadata = { name: 'routes.example.com' };
    store.apply({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata, spec });
    expect(store.apply(route)).toMatchObject({ is: 'ok', made: true });
  });
});

describe('a merge patch', () => {
  it('removes by null, and holds only for the state that it names', () => {
    const store = storeWithNode();
    const seen = store.find(node)?.metadata.resourceVersion ?? '';
    store.apply(applied({ tier: 'front' }));
    expect(store.mergePatch(node, { metadata: { resourceVersion: seen, labels: { tier: null } } }).is).toBe('conflict');
    const now = store.find(node)?.metadata.resourceVersion ?? '';
    expect(store.mergePatch(node, { metadata: { resourceVersion: now, labels: { tier: null } } }).is).toBe('ok');
    expect(store.find(node)?.metadata.labels).toEqual({ zone: 'a' });
    expect(store.mergePatch({ ...node, name: 'nobody' }, {}).is).toBe('absent');
  });
});

it('a Secret is kept in base64, made once, and goes with its owner', () => {
  const store = new KubeStore();
  const kept = (name: string, more: object = {}): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'kube-system', ...more },
    stringData: { half: new Secret('0123') },
  });
  const made = store.create(kept('token'));
  expect(made).toMatchObject({ is: 'ok', object: { data: { half: btoa('0123') } } });
  expect(store.create(kept('token')).is).toBe('exists');
  const uid = made.is === 'ok' ? (made.object.metadata.uid ?? '') : '';
  store.create(kept('certs', { ownerReferences: [{ apiVersion: 'v1', kind: 'Secret', name: 'token', uid }] }));
  const token = { apiVersion: 'v1', kind: 'Secret', namespace: 'kube-system', name: 'token' };
  expect(store.remove(token, { uid: 'another' }).is).toBe('conflict');
  expect(store.remove(token)).toEqual({ is: 'ok', pending: false });
  expect(store.all('Secret')).toEqual([]);
});

it('lists by selectors, page by page', () => {
  const store = new KubeStore();
  for (const n of [0, 1, 2])
    store.put(
      {
        ...applied({ role: n === 0 ? 'a' : 'b' }),
        metadata: { name: `n-${n}`, labels: { role: n === 0 ? 'a' : 'b' } },
      },
      'x',
    );
  const kind = { apiVersion: 'v1', kind: 'Node' };
  const names = (labels: string): unknown => {
    const page = store.list(kind, { labels, limit: 10 });
    return page.is === 'ok' ? page.objects.map((object) => object.metadata.name) : page;
  };
  expect([names('role=b'), names('role in (a, c)'), names('role!=b'), names('!role')]).toEqual([
    ['n-1', 'n-2'],
    ['n-0'],
    ['n-0'],
    [],
  ]);
  const first = store.list(kind, { limit: 2 });
  expect(first).toMatchObject({ is: 'ok', continue: '2' });
  expect(store.list(kind, { limit: 2, continue: '2' })).toMatchObject({ is: 'ok', continue: null });
});
