import { etcdCa } from '../../src/desired/certificates.ts';
import { managedPaths } from '../../src/desired/managed.ts';
import { paths } from '../../src/desired/paths.ts';
import type { FilesFact } from '../../src/facts/types.ts';
import type { FileFact } from '../../src/model/file.ts';
import { hostId } from '../../src/model/ids.ts';
import { parseCertificate, tryParseCertificate } from '../../src/model/x509.ts';
import { createIssuer } from '../../src/pki/issuer.ts';

// Files of a machine whose certificates are in order: one leaf for all of them, which nobody compares with its name.

const clock = { now: () => new Date('2025-01-01T00:00:00.000Z'), monotonicMs: () => 0, sleep: () => Promise.resolve() };
const issuer = createIssuer({ clock });
const CENTURY_S = 36_500 * 86_400;

export const someCa = await issuer.createCa({
  commonName: 'etcd-ca',
  algorithm: 'ecdsa-p256',
  validitySeconds: CENTURY_S,
});
const spec = { commonName: 'etcd-0', ekus: ['serverAuth'] as const, dns: ['etcd-0'], ips: [] };

/** Signed by {@link someCa}, and far from its end. */
export const goodLeaf = (await issuer.issue({ ...spec, algorithm: 'ecdsa-p256', validitySeconds: CENTURY_S }, someCa))
  .certificate;
export const goodFingerprint = parseCertificate(goodLeaf).fingerprint256;

const etcdAlone = { nodes: [], machines: [{ id: hostId('etcd-0') }], loadBalancer: null };
const leaves = managedPaths(etcdAlone, hostId('etcd-0')).text.filter(
  (path) => path.endsWith('.crt') && path !== etcdCa.certPath,
);

/** The leaf in each place, with its key; and what is named besides, or takes the place of what would be there. */
export function placed(leaf = goodLeaf, besides: Readonly<Record<string, string>> = {}): FilesFact {
  const text = new Map([...leaves.map((path): [string, string] => [path, leaf]), ...Object.entries(besides)]);
  const keys = leaves.map((path) => path.replace(/crt$/, 'key'));
  const spki = tryParseCertificate(leaf)?.publicKeySpkiSha256 ?? '';
  return {
    at: new Map([paths.manifest, ...text.keys(), ...keys].map((path) => [path, file()])),
    text,
    entries: [],
    publicKeys: new Map(keys.map((path) => [path, spki])),
  };
}

/** A file that is there. */
export function file(): FileFact {
  return { is: 'file', mode: '600', owner: 'root', group: 'root', size: 1, inode: 1, mtime: 0, sha256: '' };
}
