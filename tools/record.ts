import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Frame, picture } from './record/svg.ts';

// Records a terminal session as an SVG that plays it: the commands are typed into a real shell in a real terminal (tmux), one after
// the other, and what stands there is written down whenever it has changed.
//
//   node tools/record.ts OUT.svg --columns 100 --rows 34 'keelson apply --yes' 'keelson status'

const SAMPLE_MS = 250;
const READ_MS = 2_500;
const HOLD_MS = 8_000;
const LIMIT_MS = 10 * 60_000;

const { values, positionals } = parseArgs({
  options: { columns: { type: 'string', default: '100' }, rows: { type: 'string', default: '34' } },
  allowPositionals: true,
});
const [file, ...commands] = positionals;
if (file === undefined || commands.length === 0) throw new Error('usage: tools/record.ts OUT.svg COMMAND...');
const columns = Number(values.columns);
const rows = Number(values.rows);

const folder = mkdtempSync(join(tmpdir(), 'keelson-record-'));
const prompts = join(folder, 'prompts');
const socket = join(folder, 'tmux');
const frames: Frame[] = [];
let clockMs = 0;

function tmux(...args: readonly string[]): string {
  return execFileSync('tmux', ['-S', socket, '-f', '/dev/null', ...args], { encoding: 'utf8' });
}

function look(): void {
  const lines = tmux('capture-pane', '-e', '-p').split('\n').slice(0, rows);
  if (lines.join('\n') !== frames.at(-1)?.lines.join('\n')) frames.push({ atMs: clockMs, lines });
}

async function watch(until: () => boolean): Promise<void> {
  const end = performance.now() + LIMIT_MS;
  for (;;) {
    const ended = until();
    look();
    if (ended) return;
    if (performance.now() > end) throw new Error('a command did not end');
    const before = performance.now();
    await sleep(SAMPLE_MS);
    clockMs += performance.now() - before;
  }
}

/** The shell writes a byte each time it is about to show its prompt. */
function prompted(): number {
  return readFileSync(prompts).length;
}

try {
  writeFileSync(prompts, '');
  writeFileSync(join(folder, 'rc'), `PS1='\\[\\e[1;32m\\]$\\[\\e[0m\\] '; PROMPT_COMMAND='printf x >>${prompts}'\n`);
  tmux('new-session', '-d', '-x', values.columns, '-y', values.rows, `bash --noprofile --rcfile ${folder}/rc -i`);
  tmux('set', '-g', 'status', 'off');
  for (const command of commands) {
    await watch(() => prompted() > commands.indexOf(command));
    tmux('send-keys', '-l', command);
    clockMs += READ_MS / 4;
    look();
    tmux('send-keys', 'Enter');
    await watch(() => prompted() > commands.indexOf(command) + 1);
    clockMs += READ_MS;
  }
  writeFileSync(file, picture(frames, { columns, rows, holdMs: HOLD_MS, title: `terminal: ${commands.join(', ')}` }));
  process.stdout.write(`${file}: ${frames.length} frames, ${(clockMs / 1000).toFixed(0)} s\n`);
} finally {
  tmux('kill-server');
  rmSync(folder, { recursive: true, force: true });
}
