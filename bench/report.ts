import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ownResults, writeReport } from './report/write.ts';

// `node bench/report.ts`: the report in bench/README.md from bench/results/, without measuring anything.
const { values } = parseArgs({ options: { results: { type: 'string', default: ownResults } } });
process.stdout.write(`${writeReport(resolve(values.results))}\n`);
