import { existsSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle } from './build/bundle.ts';
import { writeDeclarations } from './build/declarations.ts';
import { notices } from './build/notices.ts';
import { isBuilt, stampFile, startOfBuild } from './build/sources.ts';

// `npm run build`: the program and the library as they are published, in dist/. Does nothing when no source changed.
const root = join(import.meta.dirname, '..');
const { values } = parseArgs({ options: { force: { type: 'boolean', default: false } } });

if (values.force || !isBuilt(root)) {
  const started = startOfBuild();
  // esbuild has said by then what is wrong.
  const metafile = await bundle(root).catch(() => process.exit(1));
  writeFileSync(join(root, 'dist/THIRD-PARTY-NOTICES.txt'), notices(root, metafile));
  if (existsSync(join(root, 'src/index.ts'))) {
    const { problem } = await writeDeclarations(root);
    if (problem !== undefined) {
      process.stderr.write(problem);
      process.exit(1);
    }
  }
  const stamp = join(root, 'dist', stampFile);
  rmSync(stamp, { force: true });
  writeFileSync(stamp, '');
  utimesSync(stamp, started, started);
}
