import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type KubeServer, type KubeServerOptions, kubeServer } from '../../test/contract/kube-server.ts';
import { KeelsonError } from '../model/errors.ts';
import { hostId } from '../model/ids.ts';
import { createIssuer, ephemeralClientCertificate, kubernetesClient } from '../pki/issuer.ts';
import type { CertificatePair } from '../ports/issuer.ts';
import type { KubeCall } from '../ports/kube-api.ts';
import { type ManualClock, manualClock } from '../testing/manual-clock.ts';
import { createKubeApi, type KubeApiOptions, type OpenKubeApi } from './api.ts';
import { isTlsRefusal, lostFault } from './faults.ts';

const start = new Date();
const hourAgo = manualClock(minutesFromStart(-60));
const issuer = createIssuer({ clock: hourAgo });
const on = hostId('cp-0');
const call: KubeCall = { on, signal: new AbortController().signal };
const node = { apiVersion: 'v1', kind: 'Node', name: 'cp-0' };
const object = { metadata: { name: 'cp-0' } };
const success = { kind: 'Status', status: 'Success' };

let ca: CertificatePair;
let otherCa: CertificatePair;
let serving: CertificatePair;
let server: KubeServer;
let clock: ManualClock;
const opened: OpenKubeApi[] = [];
const servers: KubeServer[] = [];

function minutesFromStart(minutes: number): string {
  return new Date(start.getTime() + minutes * 60_000).toISOString();
}

async function newCa(): Promise<CertificatePair> {
  return issuer.createCa({ commonName: 'kubernetes', algorithm: 'ecdsa-p256', validitySeconds: 86_400 });
}

async function servingCertificate(by: CertificatePair, name: string): Promise<CertificatePair> {
  const names = { commonName: 'kube-apiserver', dns: [name], ips: [] };
  return issuer.issue({ ...names, ekus: ['serverAuth'], algorithm: 'ecdsa-p256', validitySeconds: 86_400 }, by);
}

async function another(options: Partial<KubeServerOptions>): Promise<KubeServer> {
  const made = await kubeServer({ ca: ca.certificate, serving, ...options });
  servers.push(made);
  return made;
}

function open(changes: Partial<KubeApiOptions> = {}, signer = ca): OpenKubeApi {
  const api = createKubeApi({
    dial: server.dial,
    credentials: async () => {
      const { certificate, key } = await ephemeralClientCertificate(kubernetesClient, signer, clock);
      return { ca: ca.certificate, cert: certificate, key };
    },
    clock,
    timeoutMs: 20_000,
    ...changes,
  });
  opened.push(api);
  return api;
}

beforeAll(async () => {
  [ca, otherCa] = [await newCa(), await newCa()];
  serving = await servingCertificate(ca, 'kubernetes');
  server = await kubeServer({ ca: ca.certificate, serving });
});

afterAll(() => server.close());

beforeEach(() => {
  clock = manualClock(minutesFromStart(0));
  server.seen.length = 0;
  server.answer({ body: object });
});

afterEach(async () => {
  for (const api of opened.splice(0)) api.close();
  for (const made of servers.splice(0)) await made.close();
});

describe('connections', () => {
  it('are kept from one call to the next', async () => {
    const api = open();
    for (let turn = 0; turn < 3; turn++) await api.get(call, node);
    expect(new Set(server.seen.map(({ connection }) => connection)).size).toBe(1);
  });

  it('are made to each control plane that is asked', async () => {
    const asked: string[] = [];
    const api = open({
      dial: (host) => {
        asked.push(host);
        return server.dial();
      },
    });
    for (const name of ['cp-0', 'cp-1', 'cp-0']) await api.get({ ...call, on: hostId(name) }, node);
    expect(asked).toEqual(['cp-0', 'cp-1']);
  });

  it('do not make one call wait for another', async () => {
    server.answer('silent', { body: object });
    const api = open();
    const given = new AbortController();
    const slow = api.get({ on, signal: given.signal }, node);
    await server.arrived(1);
    expect(await api.get(call, node)).toMatchObject({ is: 'ok' });
    given.abort(new Error('enough'));
    await expect(slow).rejects.toThrow('enough');
  });

  it('are given up before the certificate expires, and made with a new one', async () => {
    let certificates = 0;
    // The server goes by the real time: each certificate must be good for it.
    clock = manualClock(minutesFromStart(-6));
    const api = open({
      credentials: async () => {
        certificates++;
        const { certificate, key } = await ephemeralClientCertificate(kubernetesClient, ca, clock);
        return { ca: ca.certificate, cert: certificate, key };
      },
    });
    await api.get(call, node);
    await clock.advance(8 * 60_000);
    await api.get(call, node);
    expect(certificates).toBe(1);
    await clock.advance(60_000);
    await api.get(call, node);
    expect(certificates).toBe(2);
    const [first, second, third] = server.seen.map(({ connection }) => connection);
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });

  it('share one certificate when they are made side by side', async () => {
    let certificates = 0;
    const api = open({
      credentials: async () => {
        certificates++;
        const { certificate, key } = await ephemeralClientCertificate(kubernetesClient, ca, clock);
        return { ca: ca.certificate, cert: certificate, key };
      },
    });
    await Promise.all([api.get(call, node), api.get(call, node), api.get(call, node)]);
    expect(certificates).toBe(1);
  });

  it('are made anew after the server has restarted', async () => {
    const api = open();
    await api.get(call, node);
    server.cutAll();
    expect(await api.get(call, node)).toMatchObject({ is: 'ok' });
    expect(await api.remove(call, node)).toMatchObject({ is: 'ok' });
  });

  it('are replaced for a read, and never for a write that may have happened, when they end under the request', async () => {
    const api = open();
    await api.get(call, node);
    server.answer('reset', { body: object });
    expect(await api.get(call, node)).toMatchObject({ is: 'ok' });
    server.answer('reset', { body: object });
    expect(await api.apply(call, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'cp-0' } })).toMatchObject({
      is: 'ok',
    });
    server.seen.length = 0;
    server.answer('reset', { status: 201, body: success });
    await expect(api.evict(call, { namespace: 'default', name: 'p' })).rejects.toMatchObject({
      code: 'kube.unreachable',
    });
    expect(server.seen).toHaveLength(1);
  });

  it('end when the server says so', async () => {
    const api = open();
    server.answer({ headers: { connection: 'close' }, body: object });
    await api.get(call, node);
    await api.remove(call, node);
    const [first, second] = server.seen.map(({ connection }) => connection);
    expect(second).not.toBe(first);
  });
});

describe('a fault', () => {
  it.each(['reset', 'cut'] as const)('is reported when the connection is lost: %s', async (fault) => {
    server.answer(fault);
    await expect(open().get(call, node)).rejects.toMatchObject({
      code: 'kube.unreachable',
      message: 'the API server on cp-0 cannot be reached: the connection ended before the answer had come',
    });
    expect(server.seen).toHaveLength(1);
  });

  it('is an answer that is larger than it may be', async () => {
    server.answer({ body: { ...object, data: 'x'.repeat(200_000) } }, { body: object });
    const api = open({ maxAnswerBytes: 100_000 });
    await expect(api.get(call, node)).rejects.toMatchObject({
      code: 'kube.answer',
      message: 'the answer of the API server on cp-0 has more than 100000 bytes',
    });
    expect(await api.get(call, node)).toMatchObject({ is: 'ok' });
  });

  it.each(['{"half": "secret', '[]', '{"metadata":{}}'])('is an answer that is no object: %s', async (body) => {
    server.answer({ body });
    await expect(open().get(call, node)).rejects.toMatchObject({
      code: 'kube.answer',
      message: 'the answer of the API server on cp-0 is no object of the API',
    });
  });

  it('is a server of another CA', async () => {
    const foreign = await another({ serving: await servingCertificate(otherCa, 'kubernetes') });
    await expect(open({ dial: foreign.dial }).get(call, node)).rejects.toMatchObject({ code: 'kube.tls' });
    expect(foreign.seen).toEqual([]);
  });

  it('is a server of our CA that is no API server', async () => {
    const kubelet = await another({ serving: await servingCertificate(ca, 'cp-0') });
    await expect(open({ dial: kubelet.dial }).get(call, node)).rejects.toMatchObject({ code: 'kube.tls' });
  });

  it('is a client certificate that has expired, or is of another CA', async () => {
    const unknown = { code: 'kube.unauthorized', details: { host: on } };
    await expect(open({}, otherCa).get(call, node)).rejects.toMatchObject(unknown);
    const expired = await ephemeralClientCertificate(kubernetesClient, ca, hourAgo);
    const credentials = async () => ({ ca: ca.certificate, cert: expired.certificate, key: expired.key });
    await expect(open({ credentials }).get(call, node)).rejects.toMatchObject(unknown);
  });

  it('is a client certificate that is refused in place of an answer', () => {
    const alert = Object.assign(new Error('SSL routines: source line'), {
      code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
      reason: 'tlsv13 alert certificate required',
    });
    expect(isTlsRefusal(alert)).toBe(true);
    expect(lostFault(on, alert)).toMatchObject({
      code: 'kube.tls',
      message: 'no trusted connection to the API server on cp-0: tlsv13 alert certificate required',
    });
  });

  it('is a port on which nothing listens, also at the far end of a way that opens', async () => {
    const closing = await listener((socket) => socket.destroy());
    const gone = await listener(() => undefined);
    gone.close();
    await once(gone, 'close');
    for (const dial of [dialTo(closing.port), dialTo(gone.port)]) {
      await expect(open({ dial }).get(call, node)).rejects.toMatchObject({ code: 'kube.not-listening' });
    }
    closing.close();
  });

  it('keeps the advice of the machine that cannot be reached', async () => {
    const dial = () => Promise.reject(new KeelsonError('host.key-unknown', 'no key on record', { host: on }));
    const error: unknown = await open({ dial })
      .get(call, node)
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      code: 'kube.unreachable',
      message: 'the API server on cp-0 cannot be reached: no key on record',
      action: new KeelsonError('host.key-unknown', '').action,
    });
  });

  it('of the credentials is passed on, and asked for again', async () => {
    let times = 0;
    const api = open({ credentials: () => Promise.reject(new Error(`no vault ${++times}`)) });
    await expect(api.get(call, node)).rejects.toThrow('no vault 1');
    await expect(api.get(call, node)).rejects.toThrow('no vault 2');
  });
});

describe('time', () => {
  it('bounds a call whose answer does not come, and the connection is not used again', async () => {
    const api = open();
    await api.get(call, node);
    server.answer('silent');
    await expect(api.get({ ...call, timeoutMs: 1 }, node)).rejects.toMatchObject({
      code: 'kube.timeout',
      message: 'no answer from the API server on cp-0 within 1 ms',
    });
    server.answer({ body: object });
    expect(await api.get(call, node)).toMatchObject({ is: 'ok' });
  });

  it('bounds a way that does not open, and what opens too late is given back', async () => {
    const late = Promise.withResolvers<Duplex>();
    const api = open({ dial: () => late.promise });
    await expect(api.get({ ...call, timeoutMs: 1 }, node)).rejects.toMatchObject({ code: 'kube.timeout' });
    const stream = new Duplex({ read: () => undefined, write: () => undefined });
    late.resolve(stream);
    await once(stream, 'close');
    expect(stream.destroyed).toBe(true);
  });

  it('ends with the caller’s own reason, or with the client', async () => {
    server.answer('silent');
    const api = open();
    const given = new AbortController();
    const first = api.get({ on, signal: given.signal }, node);
    const second = api.get(call, node);
    await server.arrived(2);
    const [stopped, closed] = [
      expect(first).rejects.toThrow('stop'),
      expect(second).rejects.toMatchObject({ code: 'kube.unreachable' }),
    ];
    given.abort(new Error('stop'));
    await stopped;
    api.close();
    await closed;
    await expect(api.get(call, node)).rejects.toThrow('closed');
    await expect(open().get({ on, signal: given.signal }, node)).rejects.toThrow('stop');
  });
});

async function listener(onSocket: (socket: Socket) => void): Promise<Server & { port: number }> {
  const made = createServer(onSocket);
  made.listen(0, '127.0.0.1');
  await once(made, 'listening');
  return Object.assign(made, { port: (made.address() as { port: number }).port });
}

function dialTo(port: number): () => Promise<Duplex> {
  return async () => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  };
}
