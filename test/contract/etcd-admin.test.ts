import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createSecureServer, type Http2SecureServer, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex, duplexPair } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createEtcdAdmin, type EtcdAdminOptions, type OpenEtcdAdmin } from '../../src/etcd/admin.ts';
import { StatusResponseSchema } from '../../src/etcd/gen/rpc_pb.ts';
import { hostId } from '../../src/model/ids.ts';
import type { EtcdEndpoint } from '../../src/ports/etcd-admin.ts';
import { type TestLeaf, testAuthority, testLeaf } from './etcd-admin-certificates.ts';

// Members that misbehave as no real one can be made to: a server of our own, spoken to as to etcd.

const never = new AbortController().signal;

let folder: string;
let caPem: string;
let server: TestLeaf;
let client: TestLeaf;
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keelson-etcd-'));
  const ca = await testAuthority(folder, 'ca');
  server = await testLeaf(ca, 'server', { ips: ['127.0.0.1', '::1'], usage: 'serverAuth,clientAuth' });
  client = await testLeaf(ca, 'client', { ips: [], usage: 'clientAuth' });
  caPem = await readFile(ca.caFile, 'utf8');
});

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

afterAll(() => rm(folder, { recursive: true, force: true }));

type Handle = (stream: ServerHttp2Stream, path: string) => void;

interface Fake {
  endpoint: EtcdEndpoint;
  http: Http2SecureServer;
  sockets: Set<Socket>;
}

async function fakeMember(handle: Handle, address = '127.0.0.1', port = 0): Promise<Fake> {
  const sockets = new Set<Socket>();
  const http = createSecureServer({
    cert: server.cert,
    key: await readFile(server.keyFile),
    ca: caPem,
    requestCert: true,
  });
  http.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  http.on('sessionError', () => undefined);
  http.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    stream.resume();
    handle(stream, String(headers[':path']));
  });
  await listen(http, address, port);
  ends.push(() => stop(http, sockets));
  return { endpoint: endpointOf(http, address), http, sockets };
}

async function listen(listener: Server | Http2SecureServer, address: string, port: number): Promise<void> {
  listener.listen(port, address);
  await once(listener, 'listening');
}

async function stop(listener: Server | Http2SecureServer, sockets: Set<Socket>): Promise<void> {
  if (!listener.listening) return;
  const closed = once(listener, 'close');
  listener.close();
  for (const socket of sockets) socket.destroy();
  await closed;
}

function endpointOf(listener: Server | Http2SecureServer, address: string): EtcdEndpoint {
  return { host: hostId('m1'), address, port: (listener.address() as AddressInfo).port };
}

function admin(options: Partial<EtcdAdminOptions> = {}): OpenEtcdAdmin {
  const credentials = async () => ({ ca: caPem, cert: client.cert, key: client.key });
  const made = createEtcdAdmin({ dial: tcp, credentials, timeoutMs: 2000, ...options });
  ends.unshift(() => made.close());
  return made;
}

async function tcp(endpoint: EtcdEndpoint): Promise<Socket> {
  const socket = connect({ host: endpoint.address, port: endpoint.port });
  await once(socket, 'connect');
  return socket;
}

const header = { clusterId: 0xcdf818194e3a8c32n, memberId: 0x0e9e05c52164694dn, raftTerm: 2n };
const goodStatus = toBinary(
  StatusResponseSchema,
  create(StatusResponseSchema, { header, version: '3.6.8', leader: header.memberId, raftIndex: 2n ** 63n }),
);

function framed(message: Uint8Array, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function answer(
  stream: ServerHttp2Stream,
  body: Uint8Array,
  trailers: Record<string, string> = { 'grpc-status': '0' },
): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.end(body);
}

const good: Handle = (stream) => answer(stream, framed(goodStatus));

describe('answers', () => {
  it('asks the right method and prints ids as etcdctl does, without leading zeros', async () => {
    const paths: string[] = [];
    const fake = await fakeMember((stream, path) => {
      paths.push(path);
      good(stream, path);
    });
    const reply = await admin().status(fake.endpoint, never);
    expect(paths).toEqual(['/etcdserverpb.Maintenance/Status']);
    expect(reply).toMatchObject({
      is: 'ok',
      value: {
        memberId: 'e9e05c52164694d',
        clusterId: 'cdf818194e3a8c32',
        leaderId: 'e9e05c52164694d',
        raftIndex: '9223372036854775808',
      },
    });
    expect(reply).not.toHaveProperty('value.quotaBytes');
  });

  // A reader that iterates streams loses such answers with Node 24.20 and later (nodejs/node#65677).
  it('gets answers whose headers, body and end come in one piece', async () => {
    const fake = await fakeMember(good);
    const mine = admin({ dial: async (endpoint) => inPieces(await tcp(endpoint), 20) });
    for (let round = 0; round < 5; round++) {
      const replies = await Promise.all(Array.from({ length: 20 }, () => mine.status(fake.endpoint, never)));
      expect(replies.filter((r) => r.is !== 'ok')).toEqual([]);
    }
  });

  it.each<[string, Handle]>([
    ['a page', (stream) => stream.respond({ ':status': 404 }, { endStream: true })],
    ['rubbish', (stream) => answer(stream, framed(new Uint8Array([0xff, 0xff, 0xff])))],
    ['half a message', (stream) => answer(stream, framed(goodStatus).subarray(0, 9))],
    ['a compressed message', (stream) => answer(stream, framed(goodStatus, 1))],
    ['no header', (stream) => answer(stream, framed(new Uint8Array()))],
    ['too much', (stream) => answer(stream, framed(new Uint8Array(9 * 1024 * 1024)))],
  ])('cannot read %s, and says so', async (_, handle) => {
    const reply = await admin().status((await fakeMember(handle)).endpoint, never);
    expect(reply).toMatchObject({ is: 'failed', reason: 'other' });
    expect(reply).toHaveProperty('message', expect.stringMatching(/^the answer of 127\.0\.0\.1:\d+ cannot be read: /));
  });

  it('passes on what a member says with its refusal', async () => {
    const text = 'etcdserver: mvcc: database space exceeded';
    const fake = await fakeMember((stream) => {
      stream.respond(
        { ':status': 200, 'grpc-status': '8', 'grpc-message': encodeURIComponent(text) },
        { endStream: true },
      );
    });
    expect(await admin().put(fake.endpoint, 'k', 'v', never)).toEqual({ is: 'failed', reason: 'other', message: text });
  });
});

describe('connections', () => {
  it('speaks IPv6, and through a stream that is no socket', async () => {
    const fake = await fakeMember(good, '::1');
    const piped = admin({
      dial: async (endpoint) => {
        const [ours, theirs] = duplexPair();
        const socket = (await tcp(endpoint)).on('error', () => undefined);
        socket.pipe(theirs).pipe(socket);
        return ours;
      },
    });
    expect(await admin().status(fake.endpoint, never)).toMatchObject({ is: 'ok' });
    expect(await piped.status(fake.endpoint, never)).toMatchObject({ is: 'ok' });
    expect(await piped.servedCertificate(fake.endpoint, never)).toMatchObject({
      value: { pem: server.cert, chain: [caPem] },
    });
  });

  it('takes a forward that ends at once for a refusal', async () => {
    const sockets = new Set<Socket>();
    const forward = createServer((socket) => socket.destroy());
    await listen(forward, '127.0.0.1', 0);
    ends.push(() => stop(forward, sockets));
    const endpoint = endpointOf(forward, '127.0.0.1');
    expect(await admin().status(endpoint, never)).toMatchObject({ is: 'failed', reason: 'refused' });
    expect(await admin().servedCertificate(endpoint, never)).toMatchObject({ is: 'failed', reason: 'refused' });
  });

  it('takes a port that speaks something else for no trusted connection', async () => {
    const sockets = new Set<Socket>();
    const ssh = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined).end('SSH-2.0-OpenSSH_9.2p1\r\n');
    });
    await listen(ssh, '127.0.0.1', 0);
    ends.push(() => stop(ssh, sockets));
    expect(await admin().status(endpointOf(ssh, '127.0.0.1'), never)).toMatchObject({ is: 'failed', reason: 'tls' });
  });

  it('tells a machine that cannot be reached, and what the dial said', async () => {
    const dial = async () => {
      throw new Error('the machine m1 does not answer');
    };
    const reply = await admin({ dial }).status({ host: hostId('m1'), address: '10.0.0.1', port: 2379 }, never);
    const message = '10.0.0.1:2379 cannot be reached: the machine m1 does not answer';
    expect(reply).toEqual({ is: 'failed', reason: 'unreachable', message });
  });

  it('keeps its deadline when the dial heeds nothing, and destroys what comes too late', async () => {
    const { promise, resolve } = Promise.withResolvers<Duplex>();
    const [late] = duplexPair();
    const slow = admin({ dial: () => promise, timeoutMs: 100 });
    const reply = await slow.status({ host: hostId('m1'), address: '10.0.0.1', port: 2379 }, never);
    expect(reply).toMatchObject({ is: 'failed', reason: 'timeout' });
    resolve(late);
    await sleep(10);
    expect(late.destroyed).toBe(true);
  });

  it('tells the dial once nobody waits for it any more', async () => {
    const signals: AbortSignal[] = [];
    const dial = (_: EtcdEndpoint, signal: AbortSignal) => {
      signals.push(signal);
      return new Promise<Duplex>(() => undefined);
    };
    const endpoint = { host: hostId('m1'), address: '10.0.0.1', port: 2379 };
    const [first, second] = [new AbortController(), new AbortController()];
    const waiting = admin({ dial });
    const asked = [waiting.status(endpoint, first.signal), waiting.status(endpoint, second.signal)];
    await sleep(10);
    first.abort(new Error('first'));
    await expect(asked[0]).rejects.toThrow('first');
    expect(signals.map((s) => s.aborted)).toEqual([false]);
    second.abort(new Error('second'));
    await expect(asked[1]).rejects.toThrow('second');
    expect(signals.map((s) => s.aborted)).toEqual([true]);
  });

  it('asks for credentials anew for each connection, and passes on why there are none', async () => {
    const fake = await fakeMember(good);
    let asked = 0;
    const credentials = async () => {
      asked += 1;
      if (asked === 1) throw new Error('the vault is sealed');
      return { ca: caPem, cert: client.cert, key: client.key };
    };
    const mine = admin({ credentials });
    await expect(mine.status(fake.endpoint, never)).rejects.toThrow('the vault is sealed');
    expect(await mine.status(fake.endpoint, never)).toMatchObject({ is: 'ok' });
    expect(await mine.status(fake.endpoint, never)).toMatchObject({ is: 'ok' });
    expect(asked).toBe(2);
    for (const socket of fake.sockets) socket.destroy();
    await sleep(20);
    expect(await mine.status(fake.endpoint, never)).toMatchObject({ is: 'ok' });
    expect(asked).toBe(3);
  });

  it('loses the calls that run when a connection breaks, and none after', async () => {
    let first = true;
    const fake = await fakeMember((stream, path) => {
      if (!first) return good(stream, path);
      first = false;
      for (const socket of fake.sockets) socket.destroy();
    });
    const mine = admin();
    expect(await mine.put(fake.endpoint, 'k', 'v', never)).toMatchObject({ is: 'failed', reason: 'unreachable' });
    expect(await mine.status(fake.endpoint, never)).toMatchObject({ is: 'ok' });
  });

  it('loses no call when a member says goodbye while calls keep coming', async () => {
    const fake = await fakeMember(good);
    fake.http.on('session', (session) => setTimeout(() => session.close(), 5));
    const mine = admin();
    const reasons = new Set<string>();
    for (const end = performance.now() + 300; performance.now() < end; ) {
      const reply = await mine.status(fake.endpoint, never);
      reasons.add(reply.is === 'ok' ? 'ok' : `${reply.reason}: ${reply.message}`);
    }
    expect([...reasons]).toEqual(['ok']);
  });

  it('does not let one call that gets no answer take others with it', async () => {
    const held: ServerHttp2Stream[] = [];
    const fake = await fakeMember((stream, path) => {
      if (path.endsWith('/Status')) held.push(stream);
    });
    const mine = admin({ timeoutMs: 400 });
    const early = mine.get(fake.endpoint, 'k', never, { linearizable: true });
    await sleep(200);
    const late = mine.status(fake.endpoint, never);
    expect(await early).toMatchObject({ is: 'failed', reason: 'timeout' });
    for (const stream of held) good(stream, '');
    expect(await late).toMatchObject({ is: 'ok' });
    await until(() => fake.sockets.size === 0);
  });

  it('leaves no connection when it is closed', async () => {
    const fake = await fakeMember((stream, path) => (path.endsWith('/Status') ? good(stream, path) : undefined));
    const silent = createServer((socket) =>
      fake.sockets.add(socket.resume().on('close', () => fake.sockets.delete(socket))),
    );
    await listen(silent, '127.0.0.1', 0);
    ends.push(() => stop(silent, fake.sockets));
    const mine = admin({ timeoutMs: 60_000 });
    await mine.status(fake.endpoint, never);
    await mine.servedCertificate(fake.endpoint, never);
    const running = [
      mine.get(fake.endpoint, 'k', never, { linearizable: false }),
      mine.servedCertificate(endpointOf(silent, '127.0.0.1'), never),
      mine.status(endpointOf(silent, '127.0.0.1'), never),
    ];
    await until(() => fake.sockets.size === 3);
    mine.close();
    const closed = { is: 'failed', reason: 'other', message: 'the etcd client was closed' };
    expect(await Promise.all(running)).toEqual([closed, closed, closed]);
    await until(() => fake.sockets.size === 0);
  });
});

/** Hands on what the socket receives only every so often, and then all of it. */
function inPieces(socket: Socket, everyMs: number): Duplex {
  const [ours, theirs] = duplexPair();
  let received: Buffer[] = [];
  const timer = setInterval(() => {
    if (received.length > 0) theirs.write(Buffer.concat(received));
    received = [];
  }, everyMs);
  socket.on('data', (chunk) => received.push(chunk));
  socket.on('error', () => undefined).on('close', () => clearInterval(timer));
  theirs.on('close', () => socket.destroy()).pipe(socket);
  return ours;
}

async function until(isSo: () => boolean): Promise<void> {
  for (const end = performance.now() + 2000; performance.now() < end; await sleep(5)) if (isSo()) return;
  expect(isSo()).toBe(true);
}
