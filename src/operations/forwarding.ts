import type { Duplex } from 'node:stream';
import type { ForwardingFact } from '../facts/preflight/types.ts';
import type { Fact, View } from '../facts/types.ts';
import type { HostId } from '../model/ids.ts';

/** A stream to an address and port as a machine sees them. */
export type Dial = (host: HostId, address: string, port: number, signal: AbortSignal) => Promise<Duplex>;

/** sshd refuses at once what it does not allow; whoever is silent for longer has been let through. */
const SILENCE_MS = 1_000;

/** Codes with which the far side tells how its own attempt to connect ended: it was allowed to try. */
const TRIED = new Set(['ECONNREFUSED', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH']);

/** A real forward to where etcd listens, or will; where etcd has answered through one there is nothing to try. */
export async function tryForward(
  view: View,
  host: HostId,
  dial: Dial | null,
  signal: AbortSignal,
): Promise<Fact<ForwardingFact>> {
  const known = (value: ForwardingFact): Fact<ForwardingFact> => ({ is: 'known', value, at: '' });
  const endpoint = view.facts.etcd.is === 'known' ? view.facts.etcd.value.endpoints.get(host) : undefined;
  if (endpoint?.status.is === 'ok') return known({ is: 'works' });
  const member = view.desired.hosts.get(host)?.member;
  if (dial === null || member === undefined) return { is: 'unknown', because: 'nothing here forwards connections' };
  const limit = AbortSignal.any([signal, AbortSignal.timeout(10_000)]);
  try {
    const stream = await dial(host, member.address, view.desired.config.spec.etcd.ports.client, limit);
    const failure = await firstFailure(stream);
    if (failure === null || TRIED.has(failure.code)) return known({ is: 'works' });
    if (failure.code === 'EACCES') return known({ is: 'refused', why: failure.text });
    return { is: 'unknown', because: failure.text };
  } catch (error) {
    signal.throwIfAborted();
    return { is: 'unknown', because: error instanceof Error ? error.message : String(error) };
  }
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
