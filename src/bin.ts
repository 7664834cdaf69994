#!/usr/bin/env node
import { isatty } from 'node:tty';
import { interruption } from './cli/interruption.ts';
import type { Output } from './cli/io.ts';
import { main } from './cli/main.ts';
import { terminalPrompter } from './cli/prompter.ts';

// The process's edge: streams, signals and the exit code are touched here and nowhere else.

/** How long the code may take to end by itself when it should end at once. */
const GRACE_MS = 8000;

function output(stream: NodeJS.WriteStream): Output {
  // A reader that has gone (`keelson runs | head`) must end neither a run nor the process with a fault.
  stream.on('error', () => undefined);
  return {
    write: (text) => {
      stream.write(text);
    },
    isTTY: stream.isTTY === true,
    size: () => ({ columns: stream.columns ?? 80, rows: stream.rows ?? 24 }),
    onResize: (changed) => {
      stream.on('resize', changed);
      return () => stream.off('resize', changed);
    },
  };
}

async function readStdin(): Promise<string> {
  const parts: Buffer[] = [];
  ending.cancel.addEventListener('abort', () => process.stdin.destroy());
  for await (const part of process.stdin) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

const ending = interruption();
let signals = 0;
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    signals += 1;
    // A third one: whoever sends it has waited long enough. What ran is unknown, and the next run looks.
    if (signals > 2) process.exit(130);
    if (signals === 2 || !ending.busy()) setTimeout(() => process.exit(130), GRACE_MS).unref();
    ending.signalled();
  });
}
// Whatever way the process ends, the cursor is visible afterwards.
process.on('exit', () => {
  if (process.stderr.isTTY) process.stderr.write('\u001b[?25h');
});

const exitCode = await main(
  process.argv.slice(2),
  {
    stdout: output(process.stdout),
    stderr: output(process.stderr),
    readStdin,
    // Without touching process.stdin, which would open it.
    interactive: isatty(0) && isatty(2),
    env: process.env,
    now: () => new Date(),
    monotonicMs: () => performance.now(),
  },
  ending,
  terminalPrompter(),
);
// Not by waiting for the event loop: a connection that does not close must not keep the prompt from coming back.
process.exit(exitCode);
