import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { run } from './command.ts';

/** Debian's sshd also offers RSA; making such a key takes longer than a boot. */
const hostKeyTypes = ['ed25519', 'ecdsa'];

export async function makeKey(path: string, type: string, comment: string): Promise<void> {
  await run(['ssh-keygen', '-q', '-t', type, '-N', '', '-C', comment, '-f', path]);
}

export async function makeHostKeys(root: string, name: string): Promise<void> {
  const directory = join(root, 'etc/ssh');
  for (const file of readdirSync(directory)) {
    if (file.startsWith('ssh_host_')) rmSync(join(directory, file));
  }
  await Promise.all(hostKeyTypes.map((type) => makeKey(join(directory, `ssh_host_${type}_key`), type, `root@${name}`)));
}

/** The machine's public host keys, as "type base64". */
export function readHostKeys(root: string): string[] {
  return hostKeyTypes.map((type) => {
    const [kind, key] = readFileSync(join(root, `etc/ssh/ssh_host_${type}_key.pub`), 'utf8').split(' ');
    return `${kind} ${key}`;
  });
}

/** The fingerprint as OpenSSH prints it: SHA256:... */
export function fingerprint(publicKey: string): string {
  const blob = Buffer.from(publicKey.split(' ')[1] ?? '', 'base64');
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** Whether sshd greets at this address. */
export function sshdAnswers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: 22 });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1_000, () => end(false));
    socket.once('error', () => end(false));
    socket.once('close', () => resolve(false));
    socket.once('data', (data: Buffer) => {
      // An answer with our own greeting keeps its log free of complaints about the protocol.
      socket.write('SSH-2.0-keelson_lab\r\n');
      end(data.toString('latin1').startsWith('SSH-'));
    });
  });
}
