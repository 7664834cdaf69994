import type { Progress } from '../progress.ts';

/** Each event as one JSON line, as it stands in the journal; what belongs to no run is a line of type `note`. */
export function jsonProgress({ write, now }: { write: (text: string) => void; now: () => Date }): Progress {
  const note = (text: string): void => write(`${JSON.stringify({ type: 'note', at: now().toISOString(), text })}\n`);
  return {
    event: (event) => write(`${JSON.stringify(event)}\n`),
    note,
    stopping: note,
    close: () => undefined,
  };
}
