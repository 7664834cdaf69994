import type { Duplex } from 'node:stream';
import { KeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import type { EtcdEndpoint } from '../ports/etcd-admin.ts';

type DialFrom = (address: string, port: number, signal: AbortSignal) => Promise<Duplex>;

/** A login that takes longer may never come; the others are asked meanwhile. */
const PATIENCE_MS = 2_500;

/**
 * The way to a member leads through its own machine. Where that cannot be logged in to, another one lends the way: the member proves who it
 * is by its certificate, whichever way is taken. A refused key then no longer reads as an ill member.
 */
export function dialMember(
  hosts: readonly HostId[],
  machine: (id: HostId) => { readonly dial: DialFrom },
  patienceMs = PATIENCE_MS,
): (endpoint: EtcdEndpoint, signal: AbortSignal) => Promise<Duplex> {
  return async ({ host, address, port }, signal) => {
    const won = new AbortController();
    let taken = false;
    const limit = AbortSignal.any([signal, won.signal]);
    const through = async (id: HostId): Promise<Duplex> => {
      const stream = await machine(id).dial(address, port, limit);
      if (!taken) {
        taken = true;
        return stream;
      }
      stream.on('error', () => undefined).destroy();
      throw new Error('another way was faster');
    };
    const own = through(host);
    const others = (): Promise<Duplex> => Promise.any(hosts.filter((id) => id !== host).map(through));
    try {
      return await firstOf(own, others, patienceMs, limit);
    } finally {
      won.abort(new Error('another way was faster'));
    }
  };
}

/** The second is asked when the first fails for a reason of its machine's, or is late; when both fail, the first one's reason counts. */
async function firstOf<T>(
  own: Promise<T>,
  others: () => Promise<T>,
  patienceMs: number,
  limit: AbortSignal,
): Promise<T> {
  const failure = await Promise.race([own.then(() => null, asFailure), late(patienceMs, limit)]);
  if (failure === null || (failure !== 'late' && !ofMachine(failure.error))) return own;
  // Nobody may be waiting any more when the slower one fails.
  own.catch(() => undefined);
  try {
    return await Promise.any([own, others()]);
  } catch {
    return own;
  }
}

function asFailure(error: unknown): { error: unknown } {
  return { error };
}

function ofMachine(error: unknown): boolean {
  return error instanceof KeelsonError && error.code.startsWith('host.');
}

function late(ms: number, limit: AbortSignal): Promise<'late'> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('late'), ms);
    limit.addEventListener('abort', () => clearTimeout(timer), { once: true });
  });
}
