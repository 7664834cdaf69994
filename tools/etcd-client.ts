import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from './lib/run-command.ts';

// Whether src/etcd/gen is what src/etcd/proto gives. `npm run generate:etcd` writes it.
const root = join(import.meta.dirname, '..');
const generated = 'src/etcd/gen';

const fresh = mkdtempSync(join(tmpdir(), 'keelson-etcd-client-'));
try {
  const { code, output } = await runCommand(['buf', 'generate', '-o', fresh], { cwd: root });
  if (code !== 0) throw new Error(output);
  const wanted = textsIn(join(fresh, generated));
  const found = textsIn(join(root, generated));
  const stale = [...new Set([...wanted.keys(), ...found.keys()])].filter(
    (file) => wanted.get(file) !== found.get(file),
  );
  for (const file of stale) process.stdout.write(`${generated}/${file} is stale: npm run generate:etcd\n`);
  process.exitCode = stale.length === 0 && wanted.size > 0 ? 0 : 1;
} finally {
  rmSync(fresh, { recursive: true });
}

function textsIn(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(files.map((file) => [file.name, readFileSync(join(file.parentPath, file.name), 'utf8')]));
}
