import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };

let prefix: string;
let installed: string;

function run(argv: readonly [string, ...string[]], cwd = prefix): string {
  const [program, ...args] = argv;
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
  return stdout.trim();
}

// Without network and without scripts: whatever it needs has to be in the archive.
beforeAll(() => {
  prefix = mkdtempSync(join(tmpdir(), 'keelson-package-'));
  const archive = run([process.execPath, 'tools/pack.ts'], root);
  run([
    'npm',
    'install',
    '--global',
    '--prefix',
    prefix,
    '--offline',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    archive,
  ]);
  installed = join(prefix, 'lib/node_modules/keelson');
}, 60_000);
afterAll(() => {
  rmSync(prefix, { recursive: true });
});

describe('the published package', () => {
  it('starts as a command', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(run([join(prefix, 'bin/keelson'), 'version'])).toContain(`keelson ${version}`);
    expect(run([join(prefix, 'bin/keelson'), '--help'])).toContain('apply');
  });

  it('asks for nothing else: no dependencies, no scripts, no Node of its own', () => {
    const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as object;
    expect(Object.keys(manifest).sort()).toEqual([
      'bin',
      'description',
      'engines',
      'exports',
      'files',
      'license',
      'name',
      'type',
      'version',
    ]);
    expect(readdirSync(join(prefix, 'lib/node_modules')).filter((name) => !name.startsWith('.'))).toEqual(['keelson']);
  });

  it('carries the licences of what is bundled, and no tests or sources', () => {
    const notices = readFileSync(join(installed, 'dist/THIRD-PARTY-NOTICES.txt'), 'utf8');
    expect(notices).toContain('==== zod ');
    expect(notices).toContain('==== commander ');
    expect(readdirSync(installed)).toContain('LICENSE');
    const files = readdirSync(installed, { recursive: true, encoding: 'utf8' });
    expect(files.filter((file) => /\.test\.|^src|(?<!\.d)\.ts$/.test(file))).toEqual([]);
  });

  it('is a library whose types are known to whoever has no packages of ours', () => {
    const file = join(prefix, 'lib/consumer.mts');
    writeFileSync(
      file,
      `import { type ClusterConfig, KeelsonError, readConfig } from 'keelson';
const error = await readConfig({ file: 'cluster.yaml', text: '' }).catch((reason) => reason);
export const right = (config: ClusterConfig): string => config.metadata.name;
// @ts-expect-error A type that is not found would be any, and fit.
export const wrong = (config: ClusterConfig): number => config.metadata;
if (!(error instanceof KeelsonError)) throw new Error('an empty file is no configuration');
`,
    );
    const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--types', 'node'];
    const types = ['--typeRoots', join(root, 'node_modules/@types')];
    expect(run([join(root, 'node_modules/.bin/tsc'), ...flags, ...types, file])).toBe('');
    expect(run([process.execPath, '--disable-warning=ExperimentalWarning', file])).toBe('');
  }, 60_000);
});
