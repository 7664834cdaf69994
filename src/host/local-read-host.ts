import { spawn } from 'node:child_process';
import { OPERATOR } from '../model/ids.ts';
import { reveal } from '../model/reveal.ts';
import { Secret } from '../model/secret.ts';
import type { ReadCommand } from '../ports/command.ts';
import type { CommandResult, ReadHost } from '../ports/host.ts';

/** The operator's own computer as a host that reads. Commands find their programs in `folders` first, then where root has them. */
export function localReadHost(folders: readonly string[]): ReadHost {
  const env = { ...process.env, PATH: [...folders, '/usr/sbin', '/usr/bin', '/sbin', '/bin'].join(':') };
  return {
    id: OPERATOR,
    runAll: (commands, signal) => Promise.all(commands.map((command) => runLocally(command, env, signal))),
  };
}

function runLocally(command: ReadCommand, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const [program, ...args] = command.argv;
    const child = spawn(program, args, { env, signal, timeout: command.timeoutMs, stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      if (stdout.length < command.outputLimit) stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      if (stderr.length < command.outputLimit) stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ exitCode: code ?? 128, stdout, stderr }));
    child.stdin.on('error', () => undefined);
    child.stdin.end(command.stdin instanceof Secret ? reveal(command.stdin) : (command.stdin ?? ''));
  });
}
