import { copyFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './command.ts';

/**
 * Takes one file out of a Debian package, which is fetched and unpacked but not installed, and gives the version of the
 * package.
 */
export async function takeFromDebian(debianPackage: string, file: string, workDir: string, output: string) {
  try {
    await run(['apt-get', 'download', debianPackage], { cwd: workDir });
  } catch (error) {
    const advice = `the Debian package ${debianPackage} could not be fetched; run \`apt-get update\` and try again`;
    throw new Error(`${advice}\n${(error as Error).message}`);
  }
  const archive = (await readdir(workDir)).find((name) => name.endsWith('.deb'));
  if (archive === undefined) {
    throw new Error(`apt-get download ${debianPackage} left no package behind`);
  }
  const unpacked = join(workDir, 'unpacked');
  await run(['dpkg-deb', '--extract', join(workDir, archive), unpacked]);
  await copyFile(join(unpacked, file), output);
  return (await run(['dpkg-deb', '--field', join(workDir, archive), 'Version'])).trim();
}
