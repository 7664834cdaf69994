import { expect, it } from 'vitest';
import { commands, globalOptions } from './commands.ts';
import type { CommandSpec } from './define.ts';
import { cliReference } from './reference.ts';

const all = (specs: readonly CommandSpec[]): CommandSpec[] => specs.flatMap((s) => [s, ...all(s.commands ?? [])]);

it('tells about every command, flag and example', () => {
  const text = cliReference();
  for (const { summary, load, options = [], examples } of all(commands)) {
    if (load === undefined) continue;
    expect(text).toContain(`${summary}.`);
    for (const { flags } of options) expect(text).toContain(`\`${flags.replaceAll(/[<>]/g, '')}\``);
    for (const { line } of examples) expect(text).toContain(line);
  }
  for (const { flags } of globalOptions) expect(text).toContain(`\`${flags.replaceAll(/[<>]/g, '')}\``);
});

it('is the same each time, without the terminal’s width', () => {
  expect(cliReference()).toBe(cliReference());
  expect(cliReference()).not.toMatch(/\u001b/);
});
