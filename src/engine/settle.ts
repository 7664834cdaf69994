import { KeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import { waitFor } from './conditions.ts';
import { goneOf, suspects } from './connection.ts';
import type { RunContext } from './run-context.ts';
import { awaitHosts, checkOf, remaining, type StepRun } from './step-run.ts';

const SETTLE_POLL = { from: 50, to: 400 };

/** `again`: a machine was lost meanwhile, and what was applied may be lost with it. `late`: still not so, and what is missing. */
export type Settled = 'settled' | 'again' | { late: string };

/** Reads the step's facts again and asks its judge, until it is satisfied or its time is over. Rejects when a machine stays away. */
export async function settle(step: StepRun, ctx: RunContext): Promise<Settled> {
  const { bound } = step;
  const refs = bound.reads;
  let lost = false;
  for (;;) {
    const waited = await waitFor<'settled' | readonly HostId[]>({
      name: bound.title,
      until: async () => {
        const view = await ctx.store.read(refs, ctx.hard);
        const check = checkOf(step, view);
        if (check.is === 'satisfied') return { is: 'met', value: 'settled' };
        const gone = await goneOf(suspects(view, refs), ctx.deps.machines, ctx.hard);
        return gone.length > 0 ? { is: 'met', value: gone } : { is: 'waiting', state: remaining(check) };
      },
      everyMs: SETTLE_POLL,
      deadlineMs: bound.settleMs,
      clock: ctx.deps.clock,
      signal: ctx.hard,
    });
    if (waited.is === 'late') return lost ? 'again' : { late: waited.state };
    if (waited.value === 'settled') return 'settled';
    lost = true;
    const back = await awaitHosts(step, ctx, waited.value, async () => {
      return checkOf(step, await ctx.store.read(refs, ctx.hard)).is === 'satisfied';
    });
    if (back instanceof KeelsonError) throw back;
  }
}
