import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../lab/command.ts';
import { cacheDirectory } from '../../lab/paths.ts';

/** Ansible needs it on the machines. What else these packages depend on is in every machine already. */
const packages = ['python3.11-minimal', 'libpython3.11-minimal', 'libpython3.11-stdlib'];

/** Debian 12's Python as a tree of files with its modules compiled, as the packages would have left them. Made once. */
export async function ensurePython(): Promise<string> {
  const folder = benchCache();
  const tree = join(folder, 'python');
  if (existsSync(tree)) return tree;
  const building = join(folder, `.python-${process.pid}`);
  rmSync(building, { recursive: true, force: true });
  mkdirSync(building, { recursive: true });
  await run(['apt-get', 'download', '-q', ...packages], { cwd: building });
  const unpacked = join(building, 'tree');
  for (const file of readdirSync(building).filter((name) => name.endsWith('.deb'))) {
    await run(['dpkg-deb', '-x', join(building, file), unpacked]);
  }
  symlinkSync('python3.11', join(unpacked, 'usr/bin/python3'));
  const python = join(unpacked, 'usr/bin/python3.11');
  await run([python, '-m', 'compileall', '-q', '-s', unpacked, join(unpacked, 'usr/lib/python3.11')]);
  renameSync(unpacked, tree);
  rmSync(building, { recursive: true });
  return tree;
}

/** Copies it onto a machine that runs. */
export async function installPython(tree: string, machineRoot: string): Promise<void> {
  await run(['cp', '-a', '--', `${tree}/usr/.`, join(machineRoot, 'usr')]);
}

export function benchCache(): string {
  return join(cacheDirectory(), 'bench');
}
