import { spawn } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import type { KeelsonError } from '../model/errors.ts';
import { type HostId, hostId } from '../model/ids.ts';
import { createConnectGate } from './connect-gate.ts';
import { placeOf } from './connection.ts';
import { type HostKey, parseKnownHosts, readKnownHosts } from './known-hosts.ts';
import { checkProgram } from './master.ts';
import { makePrivateFolder, writePrivately } from './private-folder.ts';
import { configText, type SshSettings, sshOptions, targetOptions } from './ssh-config.ts';
import { sshError } from './ssh-failure.ts';
import { checkTarget, jumpsOf, type SshTarget } from './ssh-target.ts';

export interface ScannedHost {
  /** Null for a jump host: it has no name in cluster.yaml. */
  host: HostId | null;
  /** As one would give it to ssh. */
  place: string;
  /** The fingerprint that the configuration expects. */
  expected?: string;
  result:
    | {
        is: 'seen';
        /** What the machine shows now; with an expected fingerprint only the key that has it, when there is one. */
        keys: readonly HostKey[];
        /** What the cluster's file says of it. */
        recorded: 'unknown' | 'same' | 'changed';
        matches: boolean | undefined;
      }
    /** `host.key-unknown` here means a jump host on the way: record that one first, then scan again. */
    | { is: 'failed'; error: KeelsonError };
}

export interface ScanOptions {
  hosts: readonly SshTarget[];
  knownHostsFile: string;
  concurrency?: { connects?: number };
  timeouts?: { connectMs?: number };
  program?: string;
}

/** The second is asked for when the machine has none of the first, or not the expected one. */
const TYPES = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-512'];

/**
 * Asks each machine, and each jump host, for its host key. `ssh-keyscan` cannot pass a jump host and does not know the user's
 * configuration, so a real ssh connects, notes the key in a file that is thrown away, and leaves without logging in.
 */
export async function scanHostKeys(options: ScanOptions, signal: AbortSignal): Promise<readonly ScannedHost[]> {
  const program = options.program ?? 'ssh';
  for (const target of options.hosts) checkTarget(target);
  await checkProgram(program);
  const folder = await makePrivateFolder();
  try {
    const settings: SshSettings = {
      knownHostsFile: options.knownHostsFile,
      connectMs: options.timeouts?.connectMs ?? 10_000,
      aliveMs: 15_000,
    };
    const recorded = await readKnownHosts(options.knownHostsFile);
    await writePrivately(`${folder}/config`, configText(options.hosts, settings, recorded));
    const gate = createConnectGate(options.concurrency?.connects);
    const scan = { program, folder, settings, recorded };
    const targets = [...jumpTargets(options.hosts), ...options.hosts.map((target) => ({ target, host: target.id }))];
    return await Promise.all(
      targets.map(({ target, host }, n) =>
        gate(jumpsOf(target), () => scanOne(target, host, `${folder}/seen${n}`, scan, signal)),
      ),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Scan {
  program: string;
  folder: string;
  settings: SshSettings;
  recorded: string;
}

interface ScanTarget {
  target: SshTarget;
  host: HostId | null;
}

/** Each jump host once, reached through those before it. */
function jumpTargets(hosts: readonly SshTarget[]): ScanTarget[] {
  const found = new Map<string, ScanTarget>();
  for (const host of hosts) {
    const before: string[] = [];
    for (const { user, host: address, port } of jumpsOf(host)) {
      const target: SshTarget = {
        id: hostId(address),
        address,
        port,
        proxyJump: before.length === 0 ? 'none' : before.join(','),
      };
      if (user !== undefined) target.user = user;
      found.set(`${address} ${port}`, { target, host: null });
      before.push(`${user === undefined ? '' : `${user}@`}${address.includes(':') ? `[${address}]` : address}:${port}`);
    }
  }
  return [...found.values()];
}

async function scanOne(
  target: SshTarget,
  host: HostId | null,
  file: string,
  scan: Scan,
  signal: AbortSignal,
): Promise<ScannedHost> {
  const about = {
    host,
    place: placeOf(target),
    ...(target.hostKey === undefined ? {} : { expected: target.hostKey }),
  };
  const seen: HostKey[] = [];
  let said = '';
  for (const type of TYPES) {
    await writeFile(file, '', { mode: 0o600 });
    const words = await askForKey(target, type, file, scan, signal);
    const keys = [...parseKnownHosts(await readFile(file, 'utf8')).values()].flat();
    seen.push(...keys);
    if (keys.length === 0) said ||= words;
    // A machine without this type says what it has; anything else will not be better with another type.
    if (keys.length === 0 && !/no matching host key type/.test(words)) break;
    if (keys.length > 0 && (target.hostKey === undefined || keys.some((k) => k.fingerprint === target.hostKey))) break;
  }
  if (seen.length === 0) return { ...about, result: { is: 'failed', error: sshError(target.id, about.place, said) } };

  const expected = seen.filter((key) => key.fingerprint === target.hostKey);
  const keys = expected.length > 0 ? expected : seen;
  const names = new Set(parseKnownHosts(keys.map((k) => k.knownHostsLine).join('\n')).keys());
  const old = [...parseKnownHosts(scan.recorded)].filter(([name]) => names.has(name)).flatMap(([, list]) => list);
  const same = keys.some((key) => old.some((o) => o.fingerprint === key.fingerprint));
  return {
    ...about,
    result: {
      is: 'seen',
      keys,
      recorded: old.length === 0 ? 'unknown' : same ? 'same' : 'changed',
      matches: target.hostKey === undefined ? undefined : expected.length > 0,
    },
  };
}

/** What ssh said; the key is in the file. */
function askForKey(target: SshTarget, type: string, file: string, scan: Scan, signal: AbortSignal): Promise<string> {
  // The first value counts: these stand before those of the target.
  const asking = {
    StrictHostKeyChecking: 'accept-new',
    UserKnownHostsFile: `"${file.replaceAll('%', '%%')}"`,
    GlobalKnownHostsFile: '/dev/null',
    HashKnownHosts: 'no',
    ControlPath: 'none',
    HostKeyAlgorithms: type,
    PreferredAuthentications: 'none',
    PubkeyAuthentication: 'no',
  };
  const options = [...sshOptions(asking), ...targetOptions(target, scan.settings, scan.recorded)];
  const args = ['-F', `${scan.folder}/config`, '-T', '-a', '-x', '-n', ...options, '--', target.address, 'exit'];
  return new Promise((resolve, reject) => {
    const timeout = scan.settings.connectMs * (2 + jumpsOf(target).length);
    const child = spawn(scan.program, args, { detached: true, stdio: ['ignore', 'ignore', 'pipe'], timeout });
    const onAbort = (): void => {
      child.kill('SIGKILL');
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    let text = '';
    child.stderr.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString('utf8')).slice(-8192);
    });
    child.once('error', reject);
    child.once('close', () => {
      signal.removeEventListener('abort', onAbort);
      resolve(text);
    });
    if (signal.aborted) onAbort();
  });
}
