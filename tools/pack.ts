import { join } from 'node:path';
import { assemblePackage } from './build/package.ts';
import { runCommand } from './lib/run-command.ts';

// `npm run pack`: dist/package, and the archive of it that npm publishes or installs. Prints the archive's path. The root
// itself is never published: it brings a Node of its own and tools.
const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
const folder = join(dist, 'package');

await must(['node', 'tools/build.ts'], root);
assemblePackage(root, folder);
const listing = await must(['npm', 'pack', '--json', '--loglevel=error', '--pack-destination', dist], folder);
const [packed] = JSON.parse(listing.slice(listing.indexOf('['))) as { filename: string }[];
process.stdout.write(`${join(dist, packed?.filename ?? '')}\n`);

async function must(argv: readonly string[], cwd: string): Promise<string> {
  const { code, output } = await runCommand(argv, { cwd });
  if (code === 0) return output;
  process.stderr.write(output);
  process.exit(1);
}
