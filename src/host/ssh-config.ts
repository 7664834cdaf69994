import { existsSync } from 'node:fs';
import { type HostKey, parseKnownHosts } from './known-hosts.ts';
import { expandHome, jumpsOf, knownHostsName, type SshTarget } from './ssh-target.ts';

export interface SshSettings {
  /** The cluster's own file. */
  knownHostsFile: string;
  connectMs: number;
  /** After this long without a sign of life a connection is given up. */
  aliveMs: number;
}

/** Since the first value that ssh finds counts, ours stand above the user's. A path may hold blanks; `%` starts a token. */
function value(path: string): string {
  return `"${path.replaceAll('%', '%%')}"`;
}

/**
 * The configuration that every ssh of ours reads, the one that it starts for a jump host included: nothing anywhere on the way may
 * accept an unknown key. The user's own configuration follows.
 */
export function configText(targets: readonly SshTarget[], settings: SshSettings, recorded: string): string {
  const known = parseKnownHosts(recorded);
  const lines: string[] = [];
  const seen = new Set<string>();
  for (const target of targets) {
    for (const jump of jumpsOf(target)) {
      if (seen.has(jump.host)) continue;
      seen.add(jump.host);
      lines.push(`Host ${jump.host}`);
      if (known.has(knownHostsName(jump.host, jump.port))) {
        lines.push(`  UserKnownHostsFile ${value(settings.knownHostsFile)}`, '  GlobalKnownHostsFile /dev/null');
      }
      if (target.identityFile !== undefined) lines.push(`  IdentityFile ${value(expandHome(target.identityFile))}`);
    }
  }
  const alive = Math.max(1, Math.round(settings.aliveMs / 3000));
  lines.push(
    'Host *',
    '  StrictHostKeyChecking yes',
    `  UserKnownHostsFile ${value(settings.knownHostsFile)} ~/.ssh/known_hosts ~/.ssh/known_hosts2`,
    '  UpdateHostKeys no',
    '  VerifyHostKeyDNS no',
    '  BatchMode yes',
    '  LogLevel INFO',
    `  ConnectTimeout ${Math.max(1, Math.ceil(settings.connectMs / 1000))}`,
    `  ServerAliveInterval ${alive}`,
    '  ServerAliveCountMax 3',
    '  ForwardAgent no',
    '  ForwardX11 no',
    '  Compression no',
    '  VisualHostKey no',
    '  ClearAllForwardings yes',
    'Match all',
    '  Include ~/.ssh/config',
    'Match all',
    '  Include /etc/ssh/ssh_config',
    '',
  );
  return lines.join('\n');
}

/** `-o NAME=VALUE` for each. */
export function sshOptions(options: Readonly<Record<string, string>>): string[] {
  return Object.entries(options).flatMap(([name, said]) => ['-o', `${name}=${said}`]);
}

/** Options of one connection: where to, as whom, and which keys may be shown. The machine's name itself stands after `--`. */
export function targetOptions(target: SshTarget, settings: SshSettings, recorded: string): string[] {
  const options: string[] = [];
  if (target.user !== undefined) options.push('-l', target.user);
  if (target.port !== undefined) options.push('-p', String(target.port));
  if (target.proxyJump !== undefined) options.push('-o', `ProxyJump=${target.proxyJump}`);
  if (target.identityFile !== undefined) {
    const file = expandHome(target.identityFile);
    options.push('-o', `IdentityFile=${value(file)}`);
    // An agent with many keys would use up sshd's attempts before this one's turn.
    if (existsSync(file)) options.push('-o', 'IdentitiesOnly=yes');
  }
  // Once the cluster has a key on record, or the configuration names one, no other file may excuse another.
  if (target.hostKey !== undefined || recordedKeys(target, recorded).length > 0) {
    options.push('-o', `UserKnownHostsFile=${value(settings.knownHostsFile)}`, '-o', 'GlobalKnownHostsFile=/dev/null');
  }
  return options;
}

/** What the cluster's file says of a machine. */
export function recordedKeys(target: SshTarget, recorded: string): readonly HostKey[] {
  return parseKnownHosts(recorded).get(knownHostsName(target.address, target.port ?? 22)) ?? [];
}
