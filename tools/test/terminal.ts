/** Lines of progress, each when its part has ended. */
export function report(name: string, result: 'ok' | 'FAILED' | 'not run', startedAt: number, remark = ''): void {
  const seconds = `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
  say(`${result.padEnd(7)} ${name.padEnd(36)} ${seconds.padStart(8)}${remark === '' ? '' : `  ${remark}`}`);
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** What a part that failed has written, so that it reads as belonging to it. */
export function quote(output: string): void {
  for (const line of output.trimEnd().split('\n')) say(`        ${line}`);
}
