import type { RunId } from '../../model/ids.ts';
import type { BuilderName } from '../../ports/command.ts';
import type { LockHolder } from '../../ports/host.ts';
import { args, base64, type Handler, ok, stdin, text } from './handler.ts';
import type { SimMachine, SimTransient } from './machine.ts';

/** The lock's own commands. They run under the machine's `flock`, and carry their own fencing number. */
export const lockHandlers = {
  'lock-state': (m) => ok(lockText(m)),
  'lock-take': (m, c) => {
    const [, fence = '0', run = '', instead = ''] = args(c);
    const held = m.holder?.run ?? '';
    let exitCode = 0;
    if (held !== '' && held !== instead && held !== run) exitCode = 10;
    else if (Number(fence) <= m.fence && held !== run) exitCode = 11;
    if (exitCode === 0) {
      m.holder = JSON.parse(stdin(c).split('\n')[1] ?? 'null') as LockHolder | null;
      m.fence = Number(fence);
    }
    return { exitCode, stdout: lockText(m), stderr: '' };
  },
  'lock-release': (m, c) => {
    if (m.holder?.run === (args(c)[1] as RunId)) m.holder = null;
    return ok();
  },
  'fence-raise': (m, c) => {
    m.fence = Math.max(m.fence, Number(args(c)[1]));
    m.holder = null;
    m.transients = [];
    return ok();
  },
  'units-stop': (m, c) => {
    m.transients = m.transients.filter((t) => !args(c).includes(t.name));
    return ok();
  },
} satisfies Partial<Record<BuilderName, Handler>>;

function lockText(m: SimMachine): string {
  const last = m.last === null ? '' : `last|${m.last.fence} ${m.last.run} ${m.last.step} ${m.last.exitCode ?? '-'}\n`;
  const holder = m.holder === null ? '' : `holder|${base64(`${m.holder.run}\n${JSON.stringify(m.holder)}\n`)}\n`;
  return `fence|${m.fence}\n${last}${holder}${m.transients.map(unitText).join('unit|\n')}`;
}

/** A unit that has ended stays, so that its exit code can be read (`RemainAfterExit`). */
function unitText(t: SimTransient): string {
  const failed = t.state === 'ended' && t.result.exitCode !== 0;
  return text([
    `unit|Id=${t.name}`,
    `unit|ActiveState=${failed ? 'failed' : 'active'}`,
    `unit|SubState=${t.state === 'running' ? 'running' : failed ? 'failed' : 'exited'}`,
    `unit|ExecMainCode=${t.state === 'running' ? 0 : 1}`,
    `unit|ExecMainStatus=${t.result.exitCode}`,
  ]);
}
