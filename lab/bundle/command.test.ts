import { expect, test } from 'vitest';
import { run } from './command.ts';

test('standard output comes back, with the added environment', async () => {
  expect(await run(['sh', '-c', 'echo "$ANSWER"; echo noise >&2'], { env: { ANSWER: '42' } })).toBe('42\n');
});

test('a failure names the command, its status and the end of what it said', async () => {
  const failure = run(['sh', '-c', 'seq 1 100 >&2; exit 3']);
  await expect(failure).rejects.toThrow(/exit status 3:\n61\n/);
  await expect(failure).rejects.toThrow(/\n100$/);
});

test('a program that is not there is named', async () => {
  await expect(run(['no-such-program'])).rejects.toThrow('no-such-program could not be started');
});
