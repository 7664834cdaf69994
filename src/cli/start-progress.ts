import type { Session } from './session.ts';
import { liveProgress } from './views/human/live.ts';
import { jsonProgress } from './views/json/progress.ts';
import { plainProgress } from './views/plain/progress.ts';
import type { Progress } from './views/progress.ts';

/** On standard error: pictures on a terminal, lines elsewhere, events for programs. */
export function startProgress({ io, options, err }: Session): Progress {
  const { stderr: output, now } = io;
  if (options.output !== 'human') return jsonProgress({ write: output.write, now });
  if (!output.isTTY || io.env.TERM === 'dumb') return plainProgress({ write: output.write, now });
  return liveProgress({
    output,
    style: err,
    now,
    every: (ms, call) => {
      const timer = setInterval(call, ms);
      return () => clearInterval(timer);
    },
  });
}
