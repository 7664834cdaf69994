import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../src/config/parse.ts';

const root = join(import.meta.dirname, '..');
const examples = globSync('examples/*.yaml', { cwd: root }).sort();

describe('examples', () => {
  it.each(examples)('%s is a configuration that keelson takes', (file) => {
    const parsed = parseConfig(readFileSync(join(root, file), 'utf8'), file);
    expect(parsed.ok ? [] : parsed.problems).toEqual([]);
  });

  it('are there', () => {
    expect(examples).toEqual(['examples/lab-etcd.yaml', 'examples/lab-stacked.yaml']);
  });
});
