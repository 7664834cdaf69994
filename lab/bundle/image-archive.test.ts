import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { digestFile, sha256 } from './digest.ts';
import { writeImageArchive } from './image-archive.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'keelson-image-'));
});
afterEach(async () => rm(dir, { recursive: true, force: true }));

const spec = {
  reference: 'registry.example/hello:1.0',
  architecture: 'arm64',
  entrypoint: ['/hello'],
  user: '65535:65535',
  entries: [{ type: 'file', path: 'hello', mode: 0o755, content: 'hello' }],
} as const;

function member(archive: string, name: string): Buffer {
  return execFileSync('tar', ['--extract', '--to-stdout', '--file', archive, name]);
}

test('the archive names its config and layer by their own digests', async () => {
  const path = join(dir, 'hello.tar');
  const digest = await writeImageArchive(path, spec);
  expect(digest).toEqual(await digestFile(path));

  const [manifest, ...others] = JSON.parse(member(path, 'manifest.json').toString());
  expect(others).toEqual([]);
  expect(manifest.RepoTags).toEqual(['registry.example/hello:1.0']);
  const config = member(path, manifest.Config);
  expect(manifest.Config).toBe(`${sha256(config)}.json`);
  const layer = member(path, manifest.Layers[0]);
  expect(JSON.parse(config.toString())).toMatchObject({
    architecture: 'arm64',
    os: 'linux',
    config: { Entrypoint: ['/hello'], User: '65535:65535' },
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
  });
  expect(execFileSync('tar', ['--extract', '--to-stdout', 'hello'], { input: layer }).toString()).toBe('hello');
});

test('two archives of the same content are equal, and nothing else is left behind', async () => {
  await writeImageArchive(join(dir, 'a.tar'), spec);
  await writeImageArchive(join(dir, 'b.tar'), spec);
  expect((await readFile(join(dir, 'a.tar'))).equals(await readFile(join(dir, 'b.tar')))).toBe(true);
  expect((await readdir(dir)).sort()).toEqual(['a.tar', 'b.tar']);
});
