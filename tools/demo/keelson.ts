import { spawn } from 'node:child_process';
import { join, relative } from 'node:path';
import type { Demo } from './demos.ts';
import { placesOf, quote } from './places.ts';

/** The flags that make a command mean the demo's cluster, with paths below `root`. */
export function demoFlags(root: string, demo: Demo): string[] {
  const places = placesOf(demo);
  return ['-f', join(root, demo.configFile), '--vault', places.vault, '--identity', places.identity];
}

/** Runs the command as a person would, on this terminal, and shows the line. Gives its exit code. */
export async function keelson(root: string, demo: Demo, args: readonly string[]): Promise<number> {
  const flags = demoFlags(root, demo).map((flag) => (flag.startsWith(root) ? relative(root, flag) : flag));
  process.stdout.write(`\n$ ${['bin/keelson', ...args, ...flags].map(quote).join(' ')}\n`);
  const child = spawn(join(root, 'bin/keelson'), [...args, ...flags], { cwd: root, stdio: 'inherit' });
  // It gets the terminal's Ctrl-C itself, and ends at a safe boundary; meanwhile the demo waits for it.
  const wait = () => undefined;
  const handOn = () => child.kill('SIGTERM');
  process.on('SIGINT', wait);
  process.on('SIGTERM', handOn);
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code ?? 1));
    });
  } finally {
    process.off('SIGINT', wait);
    process.off('SIGTERM', handOn);
  }
}
