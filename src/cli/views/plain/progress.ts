import type { RunEvent } from '../../../model/events.ts';
import { type HostId, OPERATOR, type StepId } from '../../../model/ids.ts';
import { count, duration, harmless } from '../human/text.ts';
import type { Progress } from '../progress.ts';

export interface PlainOptions {
  write: (text: string) => void;
  now: () => Date;
}

/** One line for each thing that happens, `[host] time text`: for log files, pipes and CI. */
export function plainProgress({ write, now }: PlainOptions): Progress {
  const steps = new Map<StepId, { on: HostId; title: string; startedAt: string }>();

  function line(who: string, at: string, text: string): void {
    write(`[${who}] ${at.slice(11, 19)}Z ${harmless(text)}\n`);
  }

  return {
    event: (event) => {
      if (event.type === 'run.started') {
        for (const { id, on, title } of event.plan.steps) steps.set(id, { on, title, startedAt: event.at });
      }
      const step = 'step' in event ? steps.get(event.step) : undefined;
      if (event.type === 'step.started' && event.attempt === 1 && step !== undefined) step.startedAt = event.at;
      const [who, text] = tell(event, step);
      if (text !== '') line(who, event.at, text);
    },
    note: (text) => line('keelson', now().toISOString(), text),
    stopping: (text) => line('keelson', now().toISOString(), text),
    close: () => undefined,
  };
}

function tell(event: RunEvent, step: { on: HostId; title: string; startedAt: string } | undefined): [string, string] {
  const who = step === undefined ? 'keelson' : step.on === OPERATOR ? 'operator' : step.on;
  const title = step?.title ?? '';
  const took = step === undefined ? '' : ` (${duration(Date.parse(event.at) - Date.parse(step.startedAt))})`;
  switch (event.type) {
    case 'run.started':
      return [
        who,
        `run ${event.run}: ${event.command} ${event.cluster}, ${count(event.plan.steps.length, 'step')}, by ${event.user}@${event.operator}`,
      ];
    case 'step.started':
      return [who, event.attempt === 1 ? `start: ${title}` : `again (attempt ${event.attempt}): ${title}`];
    case 'step.note':
      return [who, `note: ${event.text}`];
    case 'step.finished':
      if ('error' in event) return [who, `${event.outcome}: ${title}${took}: ${event.error.message}`];
      return [who, `${event.outcome === 'changed' ? 'done' : 'already right'}: ${title}${took}`];
    case 'run.note':
      return [who, event.text];
    case 'run.finished':
      return [who, `run ${event.run}: ${event.outcome}`];
    default:
      return [who, ''];
  }
}
