import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { outputs, staleOutputs, writeOutput } from './generate/outputs.ts';

// `npm run generate`: writes what is generated from the sources. With --check it writes nothing, and fails when a file is stale.
const root = join(import.meta.dirname, '..');
const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const stale = staleOutputs(root, outputs);

for (const output of stale) {
  if (!values.check) writeOutput(root, output);
  process.stdout.write(values.check ? `${output.path} is stale: npm run generate\n` : `wrote ${output.path}\n`);
}
process.stdout.write(`generated files: ${outputs.length}, ${values.check ? 'stale' : 'written'}: ${stale.length}\n`);
process.exitCode = values.check && stale.length > 0 ? 1 : 0;
