import type { EtcdEndpoint } from '../ports/etcd-admin.ts';
import { type CredentialsSource, type Dial, openTls, placeOf } from './connection.ts';
import { orAborted } from './deadline.ts';
import { type Failed, failed } from './failure.ts';
import { grpcSession, type Unary } from './grpc.ts';

/** One HTTP/2 session to one member. */
export interface Link {
  readonly unary: Unary;
  /** What the connection itself reported. */
  readonly errors: readonly Error[];
}

export interface HeldLink extends Link {
  /** The next call gets another connection; calls that still run keep this one. */
  readonly retire: () => void;
  /** Must be called once. */
  readonly release: () => void;
}

export interface Links {
  /** Waits for the member's connection, which concurrent calls share. Rejects as `openTls` does. */
  readonly acquire: (endpoint: EtcdEndpoint, signal: AbortSignal) => Promise<({ is: 'link' } & HeldLink) | Failed>;
  /** Ends all connections at once. */
  readonly close: () => void;
}

interface Entry {
  readonly opened: Promise<{ is: 'open'; link: Link } | Failed>;
  /** Ends the connection, or the attempt. */
  readonly controller: AbortController;
  state: 'opening' | 'open' | 'retired';
  users: number;
}

export function createLinks(from: { dial: Dial; credentials: CredentialsSource }): Links {
  const entries = new Map<string, Entry>();
  // Also those that are retired and still in use.
  const living = new Set<Entry>();

  function retire(place: string, entry: Entry): void {
    entry.state = 'retired';
    if (entries.get(place) === entry) entries.delete(place);
    if (entry.users === 0) end(entry);
  }

  function end(entry: Entry): void {
    living.delete(entry);
    entry.controller.abort(new Error('the connection is no longer needed'));
  }

  function release(place: string, entry: Entry): void {
    entry.users -= 1;
    if (entry.users > 0) return;
    // An attempt that nobody waits for is not worth finishing.
    if (entry.state !== 'open') retire(place, entry);
  }

  function start(place: string, endpoint: EtcdEndpoint): Entry {
    const controller = new AbortController();
    const opening = open(endpoint, from, controller.signal, () => retire(place, entry));
    const entry: Entry = { opened: opening, controller, state: 'opening', users: 0 };
    opening.then(
      (result) => {
        if (result.is === 'failed') retire(place, entry);
        else if (entry.state === 'opening') entry.state = 'open';
      },
      () => retire(place, entry),
    );
    entries.set(place, entry);
    living.add(entry);
    return entry;
  }

  async function acquire(endpoint: EtcdEndpoint, signal: AbortSignal): Promise<({ is: 'link' } & HeldLink) | Failed> {
    const place = placeOf(endpoint);
    const entry = entries.get(place) ?? start(place, endpoint);
    entry.users += 1;
    try {
      const result = await orAborted(entry.opened, signal);
      if (result.is === 'open') {
        const hold = { retire: () => retire(place, entry), release: () => release(place, entry) };
        return { is: 'link', ...result.link, ...hold };
      }
      release(place, entry);
      return result;
    } catch (error) {
      // Who comes next must not wait for an attempt that has already taken too long.
      if (entry.state === 'opening') retire(place, entry);
      release(place, entry);
      throw error;
    }
  }

  return {
    acquire,
    close: () => {
      entries.clear();
      for (const entry of living) end(entry);
    },
  };
}

async function open(
  endpoint: EtcdEndpoint,
  from: { dial: Dial; credentials: CredentialsSource },
  signal: AbortSignal,
  onClose: () => void,
): Promise<{ is: 'open'; link: Link } | Failed> {
  const opened = await openTls(endpoint, from, 'our-ca', signal);
  if (opened.is === 'failed') return opened;
  const { socket } = opened;
  if (socket.alpnProtocol !== 'h2') {
    socket.destroy();
    return failed('other', `${placeOf(endpoint)} does not speak etcd's protocol`);
  }
  const errors: Error[] = [];
  socket.once('error', (error) => errors.push(error));
  socket.once('close', onClose);
  const session = grpcSession(socket, placeOf(endpoint));
  const end = (): void => {
    session.close();
    socket.destroy();
  };
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  return { is: 'open', link: { unary: session.unary, errors } };
}
