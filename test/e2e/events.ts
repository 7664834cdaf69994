import type { Ran } from './keelson-process.ts';

/** An event of a run, as `-o json` writes it on standard error. */
export interface EventLine {
  readonly type: string;
  readonly at: string;
  readonly step?: string;
  readonly outcome?: string;
  readonly text?: string;
  readonly plan?: {
    readonly steps: readonly {
      readonly id: string;
      readonly kind: string;
      readonly on: string;
      readonly title: string;
      readonly risk: string;
    }[];
  };
}

export function parseEvent(line: string): EventLine | null {
  if (!line.startsWith('{')) return null;
  try {
    return JSON.parse(line) as EventLine;
  } catch {
    return null;
  }
}

export function eventsOf(ran: Ran): EventLine[] {
  return ran.stderr.split('\n').flatMap((line) => parseEvent(line) ?? []);
}

/** Steps that disturb a machine and were under way while another such step was. */
export function overlappingDisturbances(events: readonly EventLine[]): string[] {
  const steps = events.find((e) => e.type === 'run.started')?.plan?.steps ?? [];
  const careful = new Map(steps.filter((s) => s.risk !== 'safe').map((s) => [s.id, `${s.kind} on ${s.on}`]));
  const underWay = new Set<string>();
  const found: string[] = [];
  for (const event of events) {
    const name = careful.get(event.step ?? '');
    if (name === undefined) continue;
    if (event.type === 'step.finished') underWay.delete(name);
    if (event.type !== 'step.started') continue;
    for (const other of underWay) if (other !== name) found.push(`${name} while ${other}`);
    underWay.add(name);
  }
  return found;
}
