import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runScenario } from './sim/interpreter.ts';

const folder = import.meta.dirname;

describe('scenarios', () => {
  it.each(readdirSync(folder).filter((name) => name.endsWith('.txt')))('%s', { timeout: 60_000 }, async (name) => {
    const text = readFileSync(join(folder, name), 'utf8');
    for (const seed of [1, 2, 3]) await runScenario(text, seed);
  });

  it('says which line does not hold', async () => {
    await expect(runScenario('running\nexpect 3 healthy\nexpect 2 healthy\n')).rejects.toThrow(
      'line 3, “expect 2 healthy”: 3 members are healthy',
    );
    await expect(runScenario('running\napply -> done\n')).rejects.toThrow(
      'line 2, “apply -> done”: it ended with nothing-to-do',
    );
    await expect(runScenario('running\ndance\n')).rejects.toThrow('no scenario has such a line');
  });
});
