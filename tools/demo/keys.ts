import { join } from 'node:path';
import { openContext } from '../../src/operations/context.ts';
import type { Reply } from '../../src/ports/etcd-admin.ts';
import type { Demo } from './demos.ts';
import { placesOf } from './places.ts';

/**
 * Writes one key through each member and reads it back through the next one. Both are answered only with a quorum, and the
 * read shows that the members are one cluster.
 */
export async function writeAndReadKeys(root: string, demo: Demo, say: (line: string) => void): Promise<void> {
  const places = placesOf(demo);
  await using context = await openContext({
    file: join(root, demo.configFile),
    vault: places.vault,
    identity: places.identity,
  });
  const { etcd } = context.ports;
  const port = context.config.spec.etcd.ports.client;
  const endpoints = [...context.ports.machines.keys()].map((host, index) => ({
    host,
    address: context.config.spec.hosts[index]?.address ?? '',
    port,
  }));
  for (const [index, endpoint] of endpoints.entries()) {
    const other = endpoints[(index + 1) % endpoints.length] ?? endpoint;
    const key = `keelson-demo/${endpoint.host}`;
    const signal = AbortSignal.timeout(20_000);
    const value = `written through ${endpoint.host}`;
    const revision = must(await etcd.put(endpoint, key, value, signal), `writing through ${endpoint.host}`);
    const read = must(await etcd.get(other, key, signal, { linearizable: true }), `reading through ${other.host}`);
    if (read.value !== value) throw new Error(`${key} is ${read.value} through ${other.host}, not ${value}`);
    say(`${key} = "${read.value}", read through ${other.host} (revision ${revision})`);
  }
}

function must<T>(reply: Reply<T>, what: string): T {
  if (reply.is === 'ok') return reply.value;
  throw new Error(`${what} failed: ${reply.message}`);
}
