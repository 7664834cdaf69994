import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import type { Candidate, Values } from './complete.ts';

// A line is completed while the file is being written: whatever is wrong with it means fewer candidates, never an error.

export const fileValues: Values = {
  hosts: async (file) => {
    const { hosts } = await read(file);
    return hosts;
  },
  runs: async (file, vault) => {
    const { name } = await read(file);
    if (vault === undefined && name === null) return [];
    const folder = join(vault ?? join(dirname(file), '.keelson', name ?? ''), 'runs');
    const files = await readdir(folder).catch(() => []);
    const ids = files.filter((f) => f.endsWith('.jsonl')).map((f) => f.slice(0, -'.jsonl'.length));
    return [
      { value: 'last', description: 'the newest run' },
      ...ids
        .sort()
        .reverse()
        .map((value) => ({ value, description: '' })),
    ];
  },
};

async function read(file: string): Promise<{ name: string | null; hosts: readonly Candidate[] }> {
  try {
    const root = parse(await readFile(file, 'utf8'), { maxAliasCount: 0 });
    const name: unknown = root?.metadata?.name;
    const hosts: unknown = root?.spec?.hosts;
    return {
      name: typeof name === 'string' ? name : null,
      hosts: Array.isArray(hosts) ? hosts.flatMap(candidate) : [],
    };
  } catch {
    return { name: null, hosts: [] };
  }
}

function candidate(host: unknown): Candidate[] {
  const { name, address } = (host ?? {}) as { name?: unknown; address?: unknown };
  if (typeof name !== 'string' || !/^[a-z0-9-]+$/.test(name)) return [];
  return [{ value: name, description: typeof address === 'string' ? address : '' }];
}
