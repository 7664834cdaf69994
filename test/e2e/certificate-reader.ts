import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Machine } from '../../lab/index.ts';

// Certificates as OpenSSL reads them, on a machine or here.

/** Runs a shell script and gives its standard output. */
export type Shell = (script: string, ...args: string[]) => Promise<string>;

export function shellOn(machine: Machine): Shell {
  return async (script, ...args) => (await machine.exec(['sh', '-c', script, 'sh', ...args])).stdout;
}

const run = promisify(execFile);

export const shellHere: Shell = async (script, ...args) => (await run('sh', ['-c', script, 'sh', ...args])).stdout;

export interface ReadCertificate {
  readonly subject: string;
  readonly issuer: string;
  /** Sorted: kubeadm and OpenSSL promise no order. */
  readonly names: readonly string[];
  readonly extendedKeyUsage: readonly string[];
  readonly keyUsage: readonly string[];
  readonly keyUsageCritical: boolean;
  readonly isCa: boolean;
  /** Such as `prime256v1` or `2048 bit`. */
  readonly key: string;
  readonly signature: string;
  readonly validSeconds: number;
}

export async function readCertificate(shell: Shell, path: string): Promise<ReadCertificate> {
  const text = await shell('openssl x509 -in "$1" -noout -text -nameopt RFC2253 -certopt no_sigdump', path);
  const match = (pattern: RegExp): string => pattern.exec(text)?.[1]?.trim() ?? '';
  const list = (value: string): string[] => (value === '' ? [] : value.split(', ').sort());
  const at = (name: string): number => Date.parse(match(new RegExp(`${name}\\s*: (.*)`)));
  return {
    subject: match(/Subject: *(.*)/),
    issuer: match(/Issuer: *(.*)/),
    names: list(match(/X509v3 Subject Alternative Name:[^\n]*\n(.*)/)),
    extendedKeyUsage: list(match(/X509v3 Extended Key Usage:[^\n]*\n(.*)/)),
    keyUsage: list(match(/X509v3 Key Usage:[^\n]*\n(.*)/)),
    keyUsageCritical: /X509v3 Key Usage: critical/.test(text),
    isCa: /X509v3 Basic Constraints: critical\s+CA:TRUE/.test(text),
    key: match(/ASN1 OID: (.*)/) || match(/Public-Key: \((.*)\)/),
    signature: match(/Signature Algorithm: (.*)/),
    validSeconds: (at('Not After') - at('Not Before')) / 1000,
  };
}

/** Rejects unless the chain is right for the purpose: `sslserver` or `sslclient`. */
export async function verifyChain(shell: Shell, ca: string, path: string, purpose: string): Promise<void> {
  await shell('openssl verify -x509_strict -purpose "$3" -CAfile "$1" "$2"', ca, path, purpose);
}

/** SHA-256 of the public key of a certificate. */
export async function publicKeyOf(shell: Shell, certificate: string): Promise<string> {
  const script = 'openssl x509 -in "$1" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d" " -f1';
  return (await shell(script, certificate)).trim();
}

// Also in memory-backed file systems. Programs and libraries hold such lines too, but no keys.
const keySearch = `
find / /run /tmp /dev/shm -xdev -type f -print0 2>/dev/null |
  LC_ALL=C xargs -0 grep -laF -e ' PRIVATE KEY-----' -- 2>/dev/null | sort -u |
  while IFS= read -r file; do
    [ "$(head -c 4 -- "$file" | tail -c 3)" = ELF ] && continue
    key=$(openssl pkey -in "$file" -passin pass: -pubout -outform DER 2>/dev/null | sha256sum | cut -d' ' -f1)
    echo "$key|$(stat -c '%a|%U:%G' -- "$file")|$file"
  done`;

export interface KeyFile {
  /** SHA-256 of the public key that belongs to it. */
  readonly publicKey: string;
  readonly mode: string;
  readonly owner: string;
  readonly path: string;
}

/** Every file on a machine's disk that holds a private key. */
export async function privateKeysOn(machine: Machine): Promise<KeyFile[]> {
  const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  const { stdout } = await machine.exec(['sh', '-c', keySearch]);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [publicKey = '', mode = '', owner = '', ...path] = line.split('|');
      return { publicKey, mode, owner, path: path.join('|') };
    })
    .filter((file) => file.publicKey !== empty);
}
