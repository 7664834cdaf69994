import { machine } from '../../ports/commands/machine.ts';
import { keyValues, only, type Probe, UnreadableFact } from '../probe.ts';
import type { ClockFact } from './types.ts';

/**
 * Asked in a round trip of its own, over a connection that stands: the machine looked at its clock at some moment of the trip, and the
 * shorter that is, the more is known.
 */
export const clockProbe: Probe<ClockFact> = {
  commands: () => [machine()],
  parse: (results, _desired, _on, trip) => {
    const text = keyValues(only(results).stdout).get('clock')?.[0];
    const clock = text === undefined ? Number.NaN : Number(text) * 1000;
    if (Number.isNaN(clock)) throw new UnreadableFact('the machine does not tell the time');
    return { earliestMs: Math.round(clock - trip.receivedAt), latestMs: Math.round(clock - trip.sentAt) };
  },
};
