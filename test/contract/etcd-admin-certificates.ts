import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Secret } from '../../src/model/secret.ts';

const run = promisify(execFile);

export interface TestAuthority {
  readonly folder: string;
  readonly name: string;
  readonly caFile: string;
}

export interface TestLeaf {
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: Secret;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];

/** By openssl, so that what is tested does not depend on keelson's own certificates. */
export async function testAuthority(folder: string, name: string): Promise<TestAuthority> {
  const caFile = join(folder, `${name}.crt`);
  const keyFile = join(folder, `${name}.key`);
  const usage = ['-addext', 'keyUsage=critical,keyCertSign,digitalSignature'];
  await run('openssl', [
    'req',
    '-x509',
    ...newKey,
    '-subj',
    `/CN=${name}`,
    ...usage,
    '-keyout',
    keyFile,
    '-out',
    caFile,
  ]);
  return { folder, name, caFile };
}

export async function testLeaf(
  ca: TestAuthority,
  name: string,
  wanted: { ips: readonly string[]; usage: string },
): Promise<TestLeaf> {
  const certificateFile = join(ca.folder, `${name}.crt`);
  const keyFile = join(ca.folder, `${name}.key`);
  const names = ['DNS:localhost', ...wanted.ips.map((ip) => `IP:${ip}`)].join(',');
  const extensions = [
    'basicConstraints=critical,CA:FALSE',
    `subjectAltName=${names}`,
    `extendedKeyUsage=${wanted.usage}`,
  ];
  const signer = ['-CA', ca.caFile, '-CAkey', ca.caFile.replace(/crt$/, 'key')];
  const wishes = extensions.flatMap((extension) => ['-addext', extension]);
  const files = ['-keyout', keyFile, '-out', certificateFile];
  await run('openssl', ['req', '-x509', ...newKey, ...signer, '-subj', `/CN=${name}`, ...wishes, ...files]);
  const [cert, key] = await Promise.all([readFile(certificateFile, 'utf8'), readFile(keyFile, 'utf8')]);
  return { certificateFile, keyFile, cert, key: new Secret(key) };
}
