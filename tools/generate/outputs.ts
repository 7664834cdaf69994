import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cliReference } from '../../src/cli/reference.ts';
import { clusterJsonSchema } from '../../src/config/json-schema.ts';
import { configReference } from './config-reference.ts';
import { errorsReference } from './errors-reference.ts';

export interface Output {
  /** Relative to the project's root. */
  path: string;
  make: () => string;
}

/** Every file that is generated from the sources and committed. */
export const outputs: readonly Output[] = [
  { path: 'schema/cluster.schema.json', make: () => `${JSON.stringify(clusterJsonSchema(), null, 2)}\n` },
  { path: 'docs/reference/config.md', make: configReference },
  { path: 'docs/reference/errors.md', make: errorsReference },
  { path: 'docs/reference/cli.md', make: cliReference },
];

/** The outputs whose file is missing or differs. */
export function staleOutputs(root: string, all: readonly Output[]): Output[] {
  return all.filter(({ path, make }) => readOr(join(root, path), undefined) !== make());
}

export function writeOutput(root: string, { path, make }: Output): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, make());
}

function readOr<T>(file: string, missing: T): string | T {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return missing;
  }
}
