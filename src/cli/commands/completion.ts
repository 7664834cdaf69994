import { completionScript, type Shell } from '../completion/scripts.ts';
import type { Handler } from '../define.ts';

export const completion: Handler = async ({ io }, [shell]) => {
  io.stdout.write(completionScript(shell as Shell));
  return 0;
};
