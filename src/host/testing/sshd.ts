import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TestSshd {
  readonly port: number;
  readonly folder: string;
  /** Private key that root may log in with. */
  readonly identityFile: string;
  /** One line for known_hosts with the present host key. */
  readonly knownHostsLine: () => string;
  readonly fingerprint: () => string;
  readonly log: () => string;
  /** Starts again with other lines of sshd_config, on the same port. */
  readonly restart: (extra?: readonly string[], options?: { newHostKey?: boolean }) => Promise<void>;
  readonly stop: () => Promise<void>;
}

const SSHD = '/usr/sbin/sshd';

/** A real sshd on the loopback address, as root, with a configuration of its own. */
export async function startSshd(extra: readonly string[] = []): Promise<TestSshd> {
  const folder = mkdtempSync(join(tmpdir(), 'keelson-sshd-'));
  const port = await freePort();
  const identityFile = join(folder, 'id');
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  makeKey(identityFile);
  makeKey(join(folder, 'host'));
  let child = await start(folder, port, extra);

  async function stop(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }

  return {
    port,
    folder,
    identityFile,
    knownHostsLine: () =>
      `[127.0.0.1]:${port} ${readFileSync(join(folder, 'host.pub'), 'utf8').split(' ').slice(0, 2).join(' ')}`,
    fingerprint: () =>
      execFileSync('ssh-keygen', ['-lf', join(folder, 'host.pub')], { encoding: 'utf8' }).split(' ')[1] ?? '',
    log: () => readFileSync(join(folder, 'log'), 'utf8'),
    restart: async (lines = [], options = {}) => {
      await stop();
      if (options.newHostKey === true) {
        rmSync(join(folder, 'host'));
        makeKey(join(folder, 'host'));
      }
      child = await start(folder, port, lines);
    },
    stop: async () => {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function makeKey(path: string): void {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path]);
}

async function start(folder: string, port: number, extra: readonly string[]) {
  const config = [
    ...extra,
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${folder}/host`,
    `AuthorizedKeysFile ${folder}/id.pub`,
    'StrictModes no',
    'PermitRootLogin yes',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'UsePAM no',
    'PidFile none',
    '',
  ];
  writeFileSync(join(folder, 'config'), config.join('\n'));
  const child = spawn(SSHD, ['-D', '-f', join(folder, 'config'), '-E', join(folder, 'log')], { stdio: 'ignore' });
  for (let round = 0; round < 200; round++) {
    if (child.exitCode !== null) throw new Error(`sshd did not start: ${readFileSync(join(folder, 'log'), 'utf8')}`);
    if (await answers(port)) return child;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('sshd does not answer');
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp({ host: '127.0.0.1', port });
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}
