import { spawn } from 'node:child_process';
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { cgroupTrees, endProcesses, groupsToJoin, joining, makeGroups, processesIn } from './cgroups.ts';
import { commandEnvironment, run } from './command.ts';
import { ensureDebianPackages, sha256 } from './debian-packages.ts';
import { labPaths } from './paths.ts';
import { waitFor } from './poll.ts';
import type { LabState } from './state.ts';
import { gatewayOf } from './subnets.ts';

/** A small package repository on the lab's bridge, flat as the public one of Kubernetes is. */
export interface AptRepository {
  /** Ends with a slash. `Release.key` below it is the signing key. */
  readonly url: string;
  /** The public key, armoured. */
  readonly signingKey: string;
  /** The folder that is served. */
  readonly directory: string;
  /** One line for each request so far: status and path. */
  readonly requests: () => string[];
  /** Stops serving. The lab's end does it too. */
  readonly stop: () => Promise<void>;
}

/** No machine can have this name, so the group never collides with a machine's. */
const group = '_services';
const signer = 'keelson test lab <lab@keelson.invalid>';

export async function startAptRepository(
  state: LabState,
  bundleDirectory: string,
  progress: (line: string) => void,
): Promise<AptRepository> {
  const packages = await ensureDebianPackages(bundleDirectory, progress);
  const trees = cgroupTrees();
  await endProcesses(trees, state.name, group);
  makeGroups(trees, state.name, group);
  const { services } = labPaths(state.name);
  rmSync(services, { recursive: true, force: true });
  const directory = join(services, 'apt');
  mkdirSync(directory, { recursive: true });
  for (const name of readdirSync(packages)) linkSync(join(packages, name), join(directory, name));
  await writeRelease(directory);
  // In the lab's cgroups, by which its end finds whatever is started here.
  const inGroup = joining(groupsToJoin(trees, state.name, group, 'supervisor'));
  await sign(inGroup, join(services, 'gnupg'), directory);
  const portFile = join(services, 'port');
  const log = join(services, 'requests.log');
  serve(inGroup, directory, gatewayOf(state.subnet), portFile, log);
  const port = await waitFor('the package repository', 20_000, () => {
    if (processesIn(trees, state.name, group).length === 0 && readOptional(log).includes('Error')) {
      throw new Error(`the package repository ended: ${readOptional(log)}`);
    }
    const text = readOptional(portFile);
    return text.endsWith('\n') ? text.trim() : undefined;
  });
  return {
    url: `http://${gatewayOf(state.subnet)}:${port}/deb/`,
    signingKey: readFileSync(join(directory, 'Release.key'), 'utf8'),
    directory,
    requests: () =>
      readOptional(log)
        .split('\n')
        .filter((line) => line !== ''),
    stop: () => endProcesses(trees, state.name, group),
  };
}

async function writeRelease(directory: string): Promise<void> {
  const index = join(directory, 'Packages');
  const lines = [
    'Origin: keelson test lab',
    'Label: keelson test lab',
    `Date: ${new Date().toUTCString().replace('GMT', 'UTC')}`,
    'Description: packages made from a bundle',
    'SHA256:',
    ` ${await sha256(index)} ${statSync(index).size} Packages`,
  ];
  writeFileSync(join(directory, 'Release'), `${lines.join('\n')}\n`);
}

/** With a key of this lab's own, which nothing else trusts. */
async function sign(inGroup: readonly [string, ...string[]], home: string, directory: string): Promise<void> {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const gpg = (...args: string[]): Promise<string> =>
    run([
      ...inGroup,
      'gpg',
      '--homedir',
      home,
      '--batch',
      '--yes',
      '--quiet',
      '--pinentry-mode',
      'loopback',
      '--passphrase',
      '',
      ...args,
    ]);
  const at = (name: string): string => join(directory, name);
  await gpg('--quick-generate-key', signer, 'rsa2048', 'sign', 'never');
  await gpg('--armor', '--output', at('Release.key'), '--export', signer);
  await gpg('--output', at('InRelease'), '--clearsign', at('Release'));
  await gpg('--armor', '--output', at('Release.gpg'), '--detach-sign', at('Release'));
  await run(['gpgconf', '--homedir', home, '--kill', 'all']);
}

function serve(
  inGroup: readonly [string, ...string[]],
  directory: string,
  address: string,
  portFile: string,
  log: string,
): void {
  const [program, ...args] = inGroup;
  const server = join(import.meta.dirname, 'apt-server.ts');
  const output = openSync(log, 'w');
  try {
    const child = spawn(program, [...args, process.execPath, server, directory, address, portFile], {
      env: commandEnvironment(),
      detached: true, // outlives this process
      stdio: ['ignore', output, output],
      cwd: '/',
    });
    child.unref();
  } finally {
    closeSync(output);
  }
}

function readOptional(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
