import { orAborted } from '../etcd/deadline.ts';
import type { HostId } from '../model/ids.ts';
import type { Clock } from '../ports/clock.ts';
import { type Dial, openTls } from './connection.ts';
import { type CredentialsSource, currentCredentials } from './credentials.ts';
import { httpLink, type Link } from './link.ts';

export interface HeldLink extends Link {
  /** It has carried an exchange before: then it may have ended without anybody noticing. */
  readonly isUsed: boolean;
  /** Must be called once, when the answer is there. Not after `close`. */
  readonly release: () => void;
}

export interface Links {
  /** A connection of the caller's own: one that was kept, or else a new one. Rejects as `openTls` does. */
  readonly acquire: (host: HostId, signal: AbortSignal) => Promise<HeldLink>;
  /** Ends all connections at once. */
  readonly close: () => void;
}

export interface LinksOptions {
  dial: Dial;
  credentials: CredentialsSource;
  clock: Clock;
}

interface Kept {
  link: Link;
  goodUntil: number;
}

/** Calls one after the other share one connection; what runs side by side has its own, so that nobody waits for a slow answer. */
const MAX_IDLE = 4;

export function createLinks({ dial, credentials, clock }: LinksOptions): Links {
  const current = currentCredentials(credentials, clock);
  const idle = new Map<HostId, Kept[]>();
  const living = new Set<Link>();
  let closed = false;

  function end(link: Link): void {
    living.delete(link);
    link.close();
  }

  function held(host: HostId, kept: Kept, isUsed: boolean): HeldLink {
    const { link } = kept;
    return {
      send: link.send,
      isOpen: link.isOpen,
      isUsed,
      close: () => end(link),
      release: () => {
        const others = usable(host);
        if (closed || !link.isOpen() || others.length >= MAX_IDLE) return end(link);
        idle.set(host, [...others, kept]);
      },
    };
  }

  /** Those that are kept and still good; the others are ended. */
  function usable(host: HostId): Kept[] {
    const now = clock.now().getTime();
    const all = idle.get(host) ?? [];
    const good = all.filter(({ link, goodUntil }) => link.isOpen() && now < goodUntil);
    for (const kept of all) if (!good.includes(kept)) end(kept.link);
    return good;
  }

  return {
    acquire: async (host, signal) => {
      const kept = usable(host);
      const last = kept.pop();
      idle.set(host, kept);
      if (last !== undefined) return held(host, last, true);
      const mine = await orAborted(current(), signal);
      const link = httpLink(await openTls(host, dial, mine, signal));
      living.add(link);
      return held(host, { link, goodUntil: mine.goodUntil }, false);
    },
    close: () => {
      closed = true;
      idle.clear();
      for (const link of living) end(link);
    },
  };
}
