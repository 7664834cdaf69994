import { join } from 'node:path';
import { judgeTree } from './import-law/judge.ts';
import { law } from './import-law/table.ts';

// `npm run law`: which module may import which, and that pure code stays pure. ARCHITECTURE.md has the reasons.
const { files, violations } = judgeTree(join(import.meta.dirname, '..'), law);
for (const { file, line, what } of violations) process.stdout.write(`${file}:${line}: ${what}\n`);
process.stdout.write(`import law: ${files} files, ${violations.length} violations\n`);
process.exitCode = violations.length === 0 ? 0 : 1;
