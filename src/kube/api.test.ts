import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { failure, type KubeServer, kubeServer } from '../../test/contract/kube-server.ts';
import { hostId } from '../model/ids.ts';
import type { KubeObject } from '../model/kube-object.ts';
import { Secret } from '../model/secret.ts';
import { parseCertificate } from '../model/x509.ts';
import { createIssuer, ephemeralClientCertificate, kubernetesClient } from '../pki/issuer.ts';
import type { CertificatePair } from '../ports/issuer.ts';
import type { KubeCall } from '../ports/kube-api.ts';
import { manualClock } from '../testing/manual-clock.ts';
import { createKubeApi, type OpenKubeApi } from './api.ts';

const clock = manualClock(new Date().toISOString());
const issuer = createIssuer({ clock });
const call: KubeCall = { on: hostId('cp-0'), signal: new AbortController().signal };
const node = { apiVersion: 'v1', kind: 'Node', name: 'cp-0' };
const configMap: KubeObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'settings', namespace: 'kube-system' },
  data: { a: '1' },
};
const json = { 'content-type': 'application/json' };

let ca: CertificatePair;
let serving: CertificatePair;
let server: KubeServer;
let api: OpenKubeApi;

beforeAll(async () => {
  ca = await issuer.createCa({ commonName: 'kubernetes', algorithm: 'ecdsa-p256', validitySeconds: 86_400 });
  serving = await issuer.issue(
    {
      commonName: 'kube-apiserver',
      ekus: ['serverAuth'],
      dns: ['kubernetes', 'kubernetes.default'],
      ips: ['10.96.0.1'],
      algorithm: 'ecdsa-p256',
      validitySeconds: 86_400,
    },
    ca,
  );
  server = await kubeServer({ ca: ca.certificate, serving });
});

afterAll(() => server.close());

beforeEach(() => {
  server.seen.length = 0;
  api = createKubeApi({
    dial: server.dial,
    credentials: async () => {
      const { certificate, key } = await ephemeralClientCertificate(kubernetesClient, ca, clock);
      return { ca: ca.certificate, cert: certificate, key };
    },
    clock,
    timeoutMs: 20_000,
  });
});

afterEach(() => api.close());

function nodeObject(name: string): object {
  return { metadata: { name, uid: `uid-${name}` }, spec: {} };
}

describe('a request', () => {
  it('comes from keelson of system:masters, for the name that all API servers have', async () => {
    server.answer({ body: nodeObject('cp-0') });
    await api.get(call, node);
    expect(server.seen).toMatchObject([
      {
        method: 'GET',
        path: '/api/v1/nodes/cp-0',
        subject: 'O=system:masters, CN=keelson',
        headers: { host: 'kubernetes', accept: 'application/json, */*', 'user-agent': 'keelson' },
        body: '',
      },
    ]);
  });

  it('does not let a name lead to another path', async () => {
    server.answer({ body: nodeObject('x') });
    await api.get(call, { ...node, name: 'a/b?c' });
    expect(server.seen[0]?.path).toBe('/api/v1/nodes/a%2Fb%3Fc');
    await expect(api.get(call, { ...node, name: '' })).rejects.toThrow('no name');
    await expect(api.remove(call, { ...node, name: '..' })).rejects.toThrow('no name');
    expect(server.seen).toHaveLength(1);
  });
});

describe('a look at the certificate', () => {
  it('shows what is served, whoever signed it, and asks nothing', async () => {
    const another = await issuer.createCa({ commonName: 'other', algorithm: 'ecdsa-p256', validitySeconds: 60 });
    const name = { commonName: 'x', ekus: ['serverAuth'] as const, dns: ['x'], ips: [] };
    const foreign = await issuer.issue({ ...name, algorithm: 'ecdsa-p256', validitySeconds: 60 }, another);
    const stranger = await kubeServer({ ca: ca.certificate, serving: foreign });
    const credentials = () => Promise.reject(new Error('nobody may ask for these'));
    const options = { credentials, clock, timeoutMs: 20_000 };
    const [ours, theirs] = [server, stranger].map(({ dial }) => createKubeApi({ ...options, dial }));
    expect(parseCertificate((await ours?.servedCertificate(call)) ?? '')).toEqual(
      parseCertificate(serving.certificate),
    );
    expect(parseCertificate((await theirs?.servedCertificate(call)) ?? '').subject.text).toBe('CN=x');
    expect([server.seen, stranger.seen]).toEqual([[], []]);
    await stranger.close();
  });
  it('fails as any other question does', async () => {
    const dial = () => Promise.reject(Object.assign(new Error('no'), { code: 'ECONNREFUSED' }));
    const credentials = () => Promise.reject(new Error('nobody may ask for these'));
    const nobody = createKubeApi({ dial, credentials, clock, timeoutMs: 20_000 });
    await expect(nobody.servedCertificate(call)).rejects.toMatchObject({ code: 'kube.not-listening' });
  });
});

describe('get', () => {
  it('gives the object, with its kind', async () => {
    server.answer({ body: nodeObject('cp-0') });
    expect(await api.get(call, node)).toEqual({
      is: 'ok',
      object: { apiVersion: 'v1', kind: 'Node', metadata: { name: 'cp-0', uid: 'uid-cp-0' }, spec: {} },
    });
  });

  it('tells an object that is not there from a kind that is not', async () => {
    server.answer({
      status: 404,
      body: failure(404, 'NotFound', 'nodes "cp-0" not found', { name: 'cp-0', kind: 'nodes' }),
    });
    expect(await api.get(call, node)).toEqual({ is: 'absent' });
    server.answer({ status: 404, body: '404 page not found\n' });
    expect(await api.get(call, node)).toEqual({
      is: 'unknown-kind',
      message: 'the API server does not serve Node of v1',
    });
  });

  it.each([
    [403, 'Forbidden', 'nodes "cp-0" is forbidden'],
    [500, 'InternalError', 'etcdserver: request timed out'],
  ])('says what the server refuses with %i', async (status, reason, message) => {
    server.answer({ status, body: failure(status, reason, message) });
    expect(await api.get(call, node)).toEqual({ is: 'refused', status, reason, message });
  });

  it('says how long to stay away', async () => {
    server.answer({
      status: 429,
      headers: { 'retry-after': '7' },
      body: failure(429, 'TooManyRequests', 'too many requests'),
    });
    expect(await api.get(call, node)).toMatchObject({ is: 'refused', status: 429, retryAfterSeconds: 7 });
  });
});

describe('list', () => {
  const nodes = { apiVersion: 'v1', kind: 'Node' };

  it('asks for a page of a selection', async () => {
    server.answer({ body: { metadata: { resourceVersion: '7', continue: 'next' }, items: [nodeObject('a')] } });
    const labels = 'node-role.kubernetes.io/control-plane,app in (a, b)';
    const query = { labels, fields: 'spec.nodeName=w-1', namespace: 'kube-system', limit: 2, continue: 'a+b/=' };
    expect(await api.list(call, { apiVersion: 'v1', kind: 'Pod' }, query)).toMatchObject({
      is: 'ok',
      objects: [{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } }],
      resourceVersion: '7',
      continue: 'next',
    });
    const url = new URL(`https://kubernetes${server.seen[0]?.path}`);
    expect(url.pathname).toBe('/api/v1/namespaces/kube-system/pods');
    expect(Object.fromEntries(url.searchParams)).toEqual({
      labelSelector: labels,
      fieldSelector: 'spec.nodeName=w-1',
      limit: '2',
      continue: 'a+b/=',
    });
  });

  it('takes an empty continuation, and no items, for the end', async () => {
    server.answer({ body: { metadata: { resourceVersion: '8', continue: '' }, items: null } });
    expect(await api.list(call, nodes, { limit: 10 })).toEqual({
      is: 'ok',
      objects: [],
      resourceVersion: '8',
      continue: null,
    });
    expect(server.seen[0]?.path).toBe('/api/v1/nodes?limit=10');
  });

  it('tells a page that has expired from a refusal', async () => {
    server.answer({ status: 410, body: failure(410, 'Expired', 'the provided continue parameter is too old') });
    expect(await api.list(call, nodes, { limit: 10, continue: 'x' })).toEqual({
      is: 'expired',
      message: 'the provided continue parameter is too old',
    });
  });

  it('is a fault when an item is no object', async () => {
    server.answer({ body: { metadata: {}, items: [{ spec: {} }] } });
    await expect(api.list(call, nodes, { limit: 10 })).rejects.toMatchObject({ code: 'kube.answer' });
  });
});

describe('apply', () => {
  it('sends the object as it is, under our field manager', async () => {
    server.answer({ status: 201, body: configMap }, { status: 200, body: configMap });
    expect(await api.apply(call, configMap)).toEqual({ is: 'ok', object: configMap, made: true });
    expect(await api.apply(call, configMap, { force: true })).toMatchObject({ is: 'ok', made: false });
    const path = '/api/v1/namespaces/kube-system/configmaps/settings?fieldManager=keelson&force=';
    const type = { 'content-type': 'application/apply-patch+yaml' };
    expect(server.seen).toMatchObject([
      { method: 'PATCH', path: `${path}false`, headers: type, body: JSON.stringify(configMap) },
      { method: 'PATCH', path: `${path}true`, headers: type },
    ]);
  });

  it('tells whose field it is', async () => {
    const message = 'Apply failed with 1 conflict: conflict with "kubectl": .data.a';
    server.answer({ status: 409, body: failure(409, 'Conflict', message) });
    expect(await api.apply(call, configMap)).toEqual({ is: 'conflict', message });
  });

  it('is refused where the namespace is missing', async () => {
    const details = { name: 'kube-system', kind: 'namespaces' };
    server.answer({ status: 404, body: failure(404, 'NotFound', 'namespaces "kube-system" not found', details) });
    expect(await api.apply(call, configMap)).toMatchObject({ is: 'refused', status: 404, reason: 'NotFound' });
  });

  it('makes secrets readable where they leave, and takes them out of what the server says of them', async () => {
    const key = 'line one\nline "two"';
    const secret: KubeObject = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace: 'kube-system' },
      data: { plain: 'cGxhaW4tdmFsdWU=' },
      stringData: { key: new Secret(key) },
    };
    const quoted = `bad: ${JSON.stringify(key)}, ${Buffer.from(key).toString('base64')}, cGxhaW4tdmFsdWU=, plain-value`;
    server.answer({ status: 422, body: failure(422, 'Invalid', quoted) });
    expect(await api.apply(call, secret)).toEqual({
      is: 'refused',
      status: 422,
      reason: 'Invalid',
      message: 'bad: "[redacted]", [redacted], [redacted], [redacted]',
    });
    expect(JSON.parse(server.seen[0]?.body ?? '')).toMatchObject({ stringData: { key } });
    expect(JSON.stringify(secret)).not.toContain('line one');
  });

  it('finds a kind that it does not know, once, and again when it is gone', async () => {
    const pool = { apiVersion: 'crd.example.com/v1', kind: 'Pool', metadata: { name: 'p' } };
    const found = {
      resources: [
        { name: 'pools/status', kind: 'Pool', namespaced: true },
        { name: 'pools', kind: 'Pool', namespaced: false },
      ],
    };
    server.answer({ status: 404, body: '404 page not found\n' });
    expect(await api.apply(call, pool)).toMatchObject({ is: 'unknown-kind' });
    server.answer({ body: { resources: [] } });
    expect(await api.apply(call, pool)).toMatchObject({ is: 'unknown-kind' });
    server.answer({ status: 503, body: failure(503, 'ServiceUnavailable', 'not yet') });
    expect(await api.apply(call, pool)).toMatchObject({ is: 'refused', status: 503 });
    server.answer({ body: found }, { status: 201, body: pool }, { status: 200, body: pool });
    expect(await api.apply(call, pool)).toMatchObject({ is: 'ok', made: true });
    expect(await api.apply(call, pool)).toMatchObject({ is: 'ok', made: false });
    server.answer({ status: 404, body: '404 page not found\n' });
    expect(await api.apply(call, pool)).toMatchObject({ is: 'unknown-kind' });
    await api.get(call, { ...pool, name: 'p' });
    const discovery = '/apis/crd.example.com/v1';
    const applied = `${discovery}/pools/p?fieldManager=keelson&force=false`;
    expect(server.seen.map(({ path }) => path)).toEqual([
      discovery,
      discovery,
      discovery,
      discovery,
      applied,
      applied,
      applied,
      discovery,
    ]);
  });
});

describe('mergePatch', () => {
  it('takes away what apply cannot', async () => {
    server.answer({ body: nodeObject('cp-0') });
    const patch = { metadata: { resourceVersion: '5' }, spec: { unschedulable: null } };
    expect(await api.mergePatch(call, node, patch)).toMatchObject({ is: 'ok', object: { kind: 'Node' } });
    await api.mergePatch(call, node, {}, { subresource: 'status' });
    expect(server.seen).toMatchObject([
      {
        method: 'PATCH',
        path: '/api/v1/nodes/cp-0?fieldManager=keelson',
        headers: { 'content-type': 'application/merge-patch+json' },
        body: JSON.stringify(patch),
      },
      { path: '/api/v1/nodes/cp-0/status?fieldManager=keelson' },
    ]);
  });

  it('is a conflict when the object has changed, and nothing when it is gone', async () => {
    server.answer({ status: 409, body: failure(409, 'Conflict', 'the object has been modified') });
    expect(await api.mergePatch(call, node, {})).toEqual({ is: 'conflict', message: 'the object has been modified' });
    server.answer({ status: 404, body: failure(404, 'NotFound', 'no', { name: 'cp-0', kind: 'nodes' }) });
    expect(await api.mergePatch(call, node, {})).toEqual({ is: 'absent' });
  });
});

describe('create', () => {
  it('makes what is not there', async () => {
    server.answer({ status: 201, body: configMap });
    expect(await api.create(call, configMap)).toEqual({ is: 'ok', object: configMap });
    expect(server.seen).toMatchObject([
      {
        method: 'POST',
        path: '/api/v1/namespaces/kube-system/configmaps?fieldManager=keelson',
        headers: json,
        body: JSON.stringify(configMap),
      },
    ]);
  });

  it('puts what names no namespace where kubectl puts it', async () => {
    server.answer({ status: 201, body: configMap });
    await api.create(call, { ...configMap, metadata: { name: 'settings' } });
    expect(server.seen[0]?.path).toBe('/api/v1/namespaces/default/configmaps?fieldManager=keelson');
  });

  it('tells what is there from what is in the way', async () => {
    server.answer({ status: 409, body: failure(409, 'AlreadyExists', 'configmaps "settings" already exists') });
    expect(await api.create(call, configMap)).toEqual({ is: 'exists' });
    server.answer({ status: 409, body: failure(409, 'Conflict', 'quota') });
    expect(await api.create(call, configMap)).toEqual({ is: 'conflict', message: 'quota' });
  });
});

describe('remove', () => {
  const pod = { apiVersion: 'v1', kind: 'Pod', namespace: 'default', name: 'p' };

  it('removes the one that is meant, and says whether it is gone', async () => {
    const going = { metadata: { name: 'p', deletionTimestamp: '2026-11-21T10:15:00Z' } };
    const success = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' };
    server.answer({ body: going }, { body: success }, { body: { kind: 'Service', metadata: { name: 'p' } } });
    expect(await api.remove(call, pod, { uid: 'u-1', propagation: 'Foreground' })).toEqual({ is: 'ok', pending: true });
    expect(await api.remove(call, pod)).toEqual({ is: 'ok', pending: false });
    expect(await api.remove(call, pod)).toEqual({ is: 'ok', pending: false });
    expect(server.seen).toMatchObject([
      {
        method: 'DELETE',
        path: '/api/v1/namespaces/default/pods/p',
        headers: json,
        body: '{"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Foreground","preconditions":{"uid":"u-1"}}',
      },
      { body: '{"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Background"}' },
      {},
    ]);
  });

  it('leaves another one of the same name alone', async () => {
    server.answer({ status: 409, body: failure(409, 'Conflict', 'the UID in the precondition') });
    expect(await api.remove(call, pod, { uid: 'u-1' })).toMatchObject({ is: 'conflict' });
    server.answer({ status: 404, body: failure(404, 'NotFound', 'no', { name: 'p', kind: 'pods' }) });
    expect(await api.remove(call, pod)).toEqual({ is: 'absent' });
  });
});

describe('evict', () => {
  const pod = { namespace: 'default', name: 'web-0' };

  it('asks for the eviction of one pod', async () => {
    server.answer({ status: 201, body: { kind: 'Status', status: 'Success' } });
    expect(await api.evict(call, pod, { uid: 'u-1', gracePeriodSeconds: 30 })).toEqual({ is: 'ok' });
    expect(server.seen[0]).toMatchObject({
      method: 'POST',
      path: '/api/v1/namespaces/default/pods/web-0/eviction',
      headers: json,
    });
    expect(JSON.parse(server.seen[0]?.body ?? '')).toEqual({
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: 'web-0', namespace: 'default' },
      deleteOptions: { gracePeriodSeconds: 30, preconditions: { uid: 'u-1' } },
    });
  });

  it('says which budget does not allow it, and tells that from a server that has too much to do', async () => {
    const message = "Cannot evict pod as it would violate the pod's disruption budget.";
    const budget = 'The disruption budget web needs 2 healthy pods and has 2 currently';
    const causes = [{ reason: 'DisruptionBudget', message: budget }];
    const headers = { 'retry-after': '10' };
    server.answer({ status: 429, headers, body: failure(429, 'TooManyRequests', message, { causes }) });
    expect(await api.evict(call, pod)).toEqual({
      is: 'blocked',
      message: `${message} ${budget}`,
      retryAfterSeconds: 10,
    });
    server.answer({ status: 429, headers, body: failure(429, 'TooManyRequests', 'too many requests') });
    expect(await api.evict(call, pod)).toMatchObject({ is: 'refused', status: 429, retryAfterSeconds: 10 });
  });

  it.each([
    [404, failure(404, 'NotFound', 'no', { name: 'web-0', kind: 'pods' }), { is: 'absent' }],
    [409, failure(409, 'Conflict', 'another uid'), { is: 'conflict', message: 'another uid' }],
    [500, failure(500, 'InternalError', 'two budgets'), { is: 'refused', status: 500 }],
  ])('tells apart %i', async (status, body, expected) => {
    server.answer({ status, body });
    expect(await api.evict(call, pod)).toMatchObject(expected);
  });
});

describe('podLog', () => {
  const pod = { namespace: 'kube-system', name: 'kube-apiserver-cp-0' };

  it('reads the last lines', async () => {
    server.answer({ body: 'one\ntwo\n' });
    const query = { container: 'kube-apiserver', tailLines: 2, limitBytes: 100, previous: true };
    expect(await api.podLog(call, pod, query)).toEqual({ is: 'ok', text: 'one\ntwo\n' });
    expect(server.seen[0]?.path).toBe(
      '/api/v1/namespaces/kube-system/pods/kube-apiserver-cp-0/log?container=kube-apiserver&tailLines=2&limitBytes=100&previous=true',
    );
  });

  it('is refused for a container that has not started', async () => {
    server.answer({ status: 400, body: failure(400, 'BadRequest', 'container is waiting to start') });
    expect(await api.podLog(call, pod, { tailLines: 2 })).toMatchObject({ is: 'refused', status: 400 });
    server.answer({ status: 404, body: failure(404, 'NotFound', 'no', { name: 'x', kind: 'pods' }) });
    expect(await api.podLog(call, pod, { tailLines: 2 })).toEqual({ is: 'absent' });
  });
});

describe('readyz and version', () => {
  it('names the checks that fail', async () => {
    const text = '[+]ping ok\n[-]etcd failed: reason withheld\n[+]poststarthook/a ok\nreadyz check failed\n';
    server.answer({ status: 500, body: text });
    expect(await api.readyz(call)).toEqual({
      is: 'ok',
      ready: false,
      status: 500,
      failing: [{ name: 'etcd', said: 'reason withheld' }],
      passing: ['ping', 'poststarthook/a'],
    });
    expect(server.seen[0]?.path).toBe('/readyz?verbose');
    server.answer({ body: '[+]ping ok\nreadyz check passed\n' });
    expect(await api.readyz(call)).toMatchObject({ is: 'ok', ready: true, failing: [] });
  });

  it('takes no other answer for the health of the server', async () => {
    server.answer({ status: 500, body: 'internal error' });
    expect(await api.readyz(call)).toMatchObject({ is: 'refused', status: 500, message: 'internal error' });
    server.answer({ body: 'ok' });
    await expect(api.readyz(call)).rejects.toMatchObject({ code: 'kube.answer' });
  });

  it('reads the version', async () => {
    server.answer({ body: { gitVersion: 'v1.36.3', major: '1', minor: '36', platform: 'linux/amd64' } });
    expect(await api.version(call)).toEqual({ is: 'ok', gitVersion: 'v1.36.3', major: '1', minor: '36' });
    expect(server.seen[0]?.path).toBe('/version');
  });
});
