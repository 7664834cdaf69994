import type { Duplex } from 'node:stream';
import { API_SERVER_PORT } from '../desired/kubeadm-cluster.ts';
import { NOT_ASKED } from '../facts/preflight/gather.ts';
import type { ForwardingFact } from '../facts/preflight/types.ts';
import type { Fact, View } from '../facts/types.ts';
import type { HostId } from '../model/ids.ts';

/** A stream to an address and port as a machine sees them. */
export type Dial = (host: HostId, address: string, port: number, signal: AbortSignal) => Promise<Duplex>;

/** sshd refuses at once what it does not allow; whoever is silent for longer has been let through. */
const SILENCE_MS = 1_000;

/** Codes with which the far side tells how its own attempt to connect ended: it was allowed to try. */
const TRIED = new Set(['ECONNREFUSED', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH']);

/** A real forward to where etcd, or an API server, listens or will; where one has answered through one there is nothing to try. */
export async function tryForward(
  view: View,
  host: HostId,
  dial: Dial | null,
  signal: AbortSignal,
): Promise<Fact<ForwardingFact>> {
  const known = (value: ForwardingFact): Fact<ForwardingFact> => ({ is: 'known', value, at: '' });
  const endpoint = view.facts.etcd.is === 'known' ? view.facts.etcd.value.endpoints.get(host) : undefined;
  if (endpoint?.status.is === 'ok') return known({ is: 'works' });
  const server = view.facts.kube.is === 'known' ? view.facts.kube.value.servers.get(host) : undefined;
  if (server?.is === 'ok') return known({ is: 'works' });
  const place = askedThere(view, host);
  // A worker is asked through the API alone.
  if (place === null) return NOT_ASKED;
  if (dial === null) return { is: 'unknown', because: 'nothing here forwards connections' };
  const limit = AbortSignal.any([signal, AbortSignal.timeout(10_000)]);
  try {
    const stream = await dial(host, place.address, place.port, limit);
    const failure = await firstFailure(stream);
    if (failure === null || TRIED.has(failure.code)) return known({ is: 'works' });
    if (failure.code === 'EACCES') return known({ is: 'refused', why: failure.text });
    return { is: 'unknown', because: failure.text };
  } catch (error) {
    signal.throwIfAborted();
    return { is: 'unknown', because: error instanceof Error ? error.message : String(error) };
  }
}

/** Where keelson connects to on a machine: its etcd, else its API server. */
function askedThere({ desired }: View, host: HostId): { address: string; port: number } | null {
  const { etcd, controlPlane } = desired.config.spec;
  const member = desired.hosts.get(host)?.member;
  if (member !== undefined) return { address: member.address, port: etcd.ports.client };
  const node = desired.nodes.find((n) => n.host === host);
  if (node?.role !== 'control-plane') return null;
  return { address: node.address, port: controlPlane?.apiServerPort ?? API_SERVER_PORT };
}

async function firstFailure(stream: Duplex): Promise<{ code: string; text: string } | null> {
  try {
    return await new Promise((resolve) => {
      const timer = setTimeout(resolve, SILENCE_MS, null);
      const settle = (failure: { code: string; text: string } | null): void => {
        clearTimeout(timer);
        resolve(failure);
      };
      stream.once('data', () => settle(null));
      stream.once('end', () => settle(null));
      stream.once('error', (error: Error & { code?: string }) =>
        settle({ code: error.code ?? '', text: error.message }),
      );
    });
  } finally {
    stream.on('error', () => undefined).destroy();
  }
}
