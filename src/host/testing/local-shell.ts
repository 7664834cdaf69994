import { spawn } from 'node:child_process';
import type { Channel } from '../start-shell.ts';

/** A channel as ssh gives it, to this computer: `shell` stands for the login shell. */
export function localChannel(shell = 'sh', env: NodeJS.ProcessEnv = process.env): (command: string) => Channel {
  return (command) => {
    const child = spawn(shell, ['-c', command], { env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdin.on('error', () => undefined);
    return {
      stdin: child.stdin,
      stdout: child.stdout,
      stderr: child.stderr,
      ended: new Promise((resolve) => {
        child.once('close', (exitCode) => resolve({ exitCode }));
        child.once('error', () => resolve({ exitCode: null }));
      }),
      kill: () => {
        // The whole session, as sshd does when a terminal hangs up; what a test starts must not stay.
        if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
          process.kill(-child.pid, 'SIGKILL');
        for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
      },
    };
  };
}
