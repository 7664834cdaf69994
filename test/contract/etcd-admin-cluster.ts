import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ensureBundleWithoutStore } from '../../lab/bundle/index.ts';
import { hostId } from '../../src/model/ids.ts';
import type { EtcdEndpoint } from '../../src/ports/etcd-admin.ts';
import { type TestAuthority, type TestLeaf, testLeaf } from './etcd-admin-certificates.ts';

const run = promisify(execFile);

export interface EtcdPrograms {
  readonly etcd: string;
  readonly etcdctl: string;
}

/** The bundle's etcd: what runs on a machine lies in its image alone, so it is taken out of the archive. */
export async function etcdPrograms(folder: string): Promise<EtcdPrograms> {
  const { dir, manifest } = await ensureBundleWithoutStore();
  const image = manifest.images.find((i) => /\/etcd:/.test(i.name));
  if (image === undefined) throw new Error('the bundle has no etcd image');
  const archive = join(dir, image.path);
  const { stdout } = await run('tar', ['-xOf', archive, 'manifest.json']);
  const [{ Layers: layers }] = JSON.parse(stdout) as [{ Layers: string[] }];
  for (const layer of layers) {
    const layerFile = join(folder, 'layer.tar');
    const tar = spawn('tar', ['-xOf', archive, layer], { stdio: ['ignore', 'pipe', 'inherit'] });
    await pipeline(tar.stdout, createWriteStream(layerFile));
    await run('tar', ['-xf', layerFile, '-C', folder, '--strip-components=3', 'usr/local/bin']);
  }
  return { etcd: join(folder, 'etcd'), etcdctl: join(folder, 'etcdctl') };
}

export interface TestMember {
  readonly name: string;
  readonly client: EtcdEndpoint;
  readonly peer: EtcdEndpoint;
  readonly server: TestLeaf;
  readonly peerLeaf: TestLeaf;
  readonly start: () => void;
  /** Ends the process and waits until it is gone. */
  readonly stop: (how?: 'SIGTERM' | 'SIGKILL') => Promise<void>;
  /** Until it stands still; `thaw` lets it go on. */
  readonly freeze: () => Promise<void>;
  readonly thaw: () => void;
  readonly log: () => Promise<string>;
}

interface Place {
  name: string;
  address: string;
  clientPort: number;
  peerPort: number;
}

/** Members on addresses of their own, as on machines, so that a certificate of one does not fit another. */
export async function testMembers(
  programs: EtcdPrograms,
  folder: string,
  ca: TestAuthority,
  options: { name: string; count: number; flags?: readonly string[] },
): Promise<readonly TestMember[]> {
  await mkdir(folder, { recursive: true });
  const places: Place[] = [];
  for (let i = 1; i <= options.count; i++) {
    const address = `127.0.0.${i}`;
    const [clientPort, peerPort] = [await freePort(address), await freePort(address)];
    places.push({ name: `${options.name}-${i}`, address, clientPort, peerPort });
  }
  const initial = places.map((p) => `${p.name}=https://${p.address}:${p.peerPort}`).join(',');
  return Promise.all(places.map((place) => testMember(programs, folder, ca, place, initial, options.flags ?? [])));
}

async function testMember(
  programs: EtcdPrograms,
  folder: string,
  ca: TestAuthority,
  place: Place,
  initialCluster: string,
  flags: readonly string[],
): Promise<TestMember> {
  const both = { ips: [place.address], usage: 'serverAuth,clientAuth' };
  const server = await testLeaf(ca, `${place.name}-server`, both);
  const peerLeaf = await testLeaf(ca, `${place.name}-peer`, both);
  const client = `https://${place.address}:${place.clientPort}`;
  const peer = `https://${place.address}:${place.peerPort}`;
  const logFile = join(folder, `${place.name}.log`);
  const options = {
    name: place.name,
    'data-dir': join(folder, place.name),
    'log-outputs': logFile,
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': initialCluster,
    'initial-cluster-token': place.name.replace(/\d+$/, ''),
    'cert-file': server.certificateFile,
    'key-file': server.keyFile,
    'trusted-ca-file': ca.caFile,
    'client-cert-auth': 'true',
    'peer-cert-file': peerLeaf.certificateFile,
    'peer-key-file': peerLeaf.keyFile,
    'peer-trusted-ca-file': ca.caFile,
    'peer-client-cert-auth': 'true',
  };
  const argv = [...Object.entries(options).map(([name, value]) => `--${name}=${value}`), ...flags];
  let child: ChildProcess | null = null;
  const endpoint = (port: number): EtcdEndpoint => ({ host: hostId(place.name), address: place.address, port });
  return {
    name: place.name,
    client: endpoint(place.clientPort),
    peer: endpoint(place.peerPort),
    server,
    peerLeaf,
    start: () => {
      child = spawn(programs.etcd, argv, { stdio: 'ignore' });
    },
    stop: async (how = 'SIGTERM') => {
      const ending = child;
      child = null;
      if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return;
      const gone = once(ending, 'exit');
      // A stopped process takes no other signal until it goes on.
      ending.kill('SIGCONT');
      ending.kill(how);
      await Promise.race([gone, sleep(5000, undefined, { ref: false }).then(() => ending.kill('SIGKILL'))]);
      await gone;
    },
    freeze: async () => {
      child?.kill('SIGSTOP');
      // The signal is on its way for a moment, in which an answer may still come.
      while (!/\) T /.test(await readFile(`/proc/${child?.pid}/stat`, 'utf8'))) await sleep(5);
    },
    thaw: () => {
      child?.kill('SIGCONT');
    },
    log: () => readFile(logFile, 'utf8'),
  };
}

async function freePort(address: string): Promise<number> {
  const server = createServer().listen(0, address);
  await once(server, 'listening');
  const bound = server.address();
  server.close();
  await once(server, 'close');
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  return bound.port;
}

export async function dialTcp(endpoint: EtcdEndpoint, signal: AbortSignal): Promise<ReturnType<typeof connect>> {
  const socket = connect({ host: endpoint.address, port: endpoint.port });
  try {
    await once(socket, 'connect', { signal });
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

export async function etcdctl(
  programs: EtcdPrograms,
  leaf: TestLeaf,
  ca: TestAuthority,
  argv: readonly string[],
): Promise<string> {
  const trust = ['--cacert', ca.caFile, '--cert', leaf.certificateFile, '--key', leaf.keyFile];
  const { stdout } = await run(programs.etcdctl, [...trust, ...argv]);
  return stdout;
}

/** Polls until it is true; fails with the last answer. */
export async function until<T>(ask: () => Promise<T>, isRight: (answer: T) => boolean, timeoutMs = 20_000): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (isRight(answer)) return answer;
    if (performance.now() > end) throw new Error(`not so after ${timeoutMs} ms: ${JSON.stringify(answer)}`);
    await sleep(50);
  }
}
