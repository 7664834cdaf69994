import pLimit, { type LimitFunction } from 'p-limit';
import type { JumpHost } from './ssh-target.ts';

/** Runs a connect when its turn has come. */
export type ConnectGate = <T>(jumps: readonly JumpHost[], connect: () => Promise<T>) => Promise<T>;

/** A default sshd drops connections at random from the tenth that is not yet logged in (MaxStartups 10:30:100); others connect, too. */
export const DEFAULT_CONNECTS = 8;
const THROUGH_ONE_JUMP = 4;

/** At most `connects` at a time, and fewer through the same jump host, whose sshd sees them all. */
export function createConnectGate(connects = DEFAULT_CONNECTS): ConnectGate {
  const all = pLimit(connects);
  const byJump = new Map<string, LimitFunction>();
  return (jumps, connect) => {
    const [first] = jumps;
    if (first === undefined) return all(connect);
    const key = `${first.host} ${first.port}`;
    const through = byJump.get(key) ?? pLimit(Math.min(THROUGH_ONE_JUMP, connects));
    byJump.set(key, through);
    return through(() => all(connect));
  };
}
