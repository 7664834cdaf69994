import { type ScannedHost, scanHostKeys } from '../host/host-keys.ts';
import { recordHostKeys } from '../host/known-hosts.ts';
import { KeelsonError } from '../model/errors.ts';
import { hostTargets, locate, type OpenOptions } from './context.ts';

export type { ScannedHost };

export interface TrustRequest {
  /** Names of machines; all of the configuration's when empty. */
  hosts: readonly string[];
  /** Expected fingerprints by machine, beside those of the configuration. */
  fingerprints: ReadonlyMap<string, string>;
}

export interface HostKeyScan {
  cluster: string;
  knownHostsFile: string;
  /** Jump hosts first, then machines in the configuration's order. */
  scanned: readonly ScannedHost[];
}

/** Asks machines, and jump hosts on the way to them, which host key they show. Logs in nowhere and records nothing. */
export async function scanCluster(
  options: OpenOptions,
  request: TrustRequest,
  signal: AbortSignal,
): Promise<HostKeyScan> {
  const located = await locate(options);
  const all = hostTargets(located);
  const unknown = [...request.hosts, ...request.fingerprints.keys()].filter((name) => !all.some((t) => t.id === name));
  if (unknown.length > 0) {
    throw new KeelsonError('usage', `not in the configuration: ${unknown.join(', ')}`, {
      action: `The machines are ${all.map((t) => t.id).join(', ')}.`,
    });
  }
  const hosts = all
    .filter((t) => request.hosts.length === 0 || request.hosts.includes(t.id))
    .map((t) => {
      const hostKey = request.fingerprints.get(t.id) ?? t.hostKey;
      return { ...t, ...(hostKey === undefined ? {} : { hostKey }) };
    });
  const { knownHostsFile, config } = located;
  const { concurrency } = config.spec;
  const scanned = await scanHostKeys({ hosts, knownHostsFile, concurrency }, signal);
  return { cluster: config.metadata.name, knownHostsFile, scanned };
}

/**
 * Rejects when a machine shows another key than the recorded or the expected one: then nothing at all may be recorded, because
 * somebody may be in between.
 */
export function refuseChangedKeys({ scanned, knownHostsFile }: HostKeyScan): void {
  const wrong = scanned.flatMap(({ host, place, expected, result }) => {
    if (result.is !== 'seen' || (result.recorded !== 'changed' && result.matches !== false)) return [];
    const shown = result.keys.map((k) => k.fingerprint).join(', ');
    const against =
      result.matches === false ? `expected is ${expected}` : `another one is recorded in ${knownHostsFile}`;
    return [{ host, message: `${host ?? place} shows the host key ${shown}; ${against}` }];
  });
  const [first] = wrong;
  if (first === undefined) return;
  throw new KeelsonError('host.key-changed', wrong.map((w) => w.message).join('\n'), {
    ...(first.host === null ? {} : { host: first.host }),
    action: `Find out why before anything else: this may be another machine or an attack. When the machine was really made anew, remove its line from ${knownHostsFile} and run keelson hosts trust again. Nothing was recorded.`,
  });
}

/** Keys that are not on record yet. */
export function unrecorded({ scanned }: HostKeyScan): readonly ScannedHost[] {
  return scanned.filter(({ result }) => result.is === 'seen' && result.recorded === 'unknown');
}

export async function recordScanned({ knownHostsFile }: HostKeyScan, hosts: readonly ScannedHost[]): Promise<void> {
  const lines = hosts.flatMap(({ result }) => (result.is === 'seen' ? result.keys.map((k) => k.knownHostsLine) : []));
  if (lines.length > 0) await recordHostKeys(knownHostsFile, lines);
}
