// Stands in front of ssh on the PATH of a keelson under test. It passes everything on, and kills keelson without warning a moment
// after the KILL_AT-th write has gone out to a machine: inside a remote command, as far as an outsider can tell.
import { spawn } from 'node:child_process';
import { appendFileSync, statSync } from 'node:fs';

const { KILL_AT, KILL_AFTER_MS, KILL_COUNTER } = process.env;
const WRITE = Buffer.from('keelson-fence-');
const keelson = process.ppid;

const ssh = spawn('/usr/bin/ssh', process.argv.slice(2), { stdio: ['pipe', 'inherit', 'inherit'] });
ssh.on('close', (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)));
ssh.stdin.on('error', () => undefined);

process.stdin.on('data', (chunk: Buffer) => {
  ssh.stdin.write(chunk);
  if (KILL_AT === undefined || KILL_COUNTER === undefined) return;
  for (let at = chunk.indexOf(WRITE); at >= 0; at = chunk.indexOf(WRITE, at + 1)) {
    // One byte a write: appending is atomic, and the wrappers of all machines share the file.
    appendFileSync(KILL_COUNTER, '.');
    // Another may have written between the two: then it is one more, and not none.
    if (statSync(KILL_COUNTER).size >= Number(KILL_AT)) setTimeout(kill, Number(KILL_AFTER_MS ?? 0));
  }
});
function kill(): void {
  try {
    process.kill(keelson, 'SIGKILL');
  } catch {
    // It is dead already.
  }
}

process.stdin.on('end', () => ssh.stdin.end());
