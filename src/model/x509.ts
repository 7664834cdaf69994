import { createHash, X509Certificate } from 'node:crypto';
import { type DerNode, derChildren, derTag, expectTag, readDer, readOid, readTime } from './der.ts';
import { KeelsonError } from './errors.ts';
import { formatIp } from './ip.ts';
import { readPem, writePem } from './pem.ts';
import { remembered } from './remembered.ts';

/** What a private key is made as. kubeadm's names for the same: ECDSA-P256, RSA-2048. */
export type KeyAlgorithm = 'ecdsa-p256' | 'rsa-2048';

export type ExtendedKeyUsage = 'serverAuth' | 'clientAuth';

export interface DistinguishedName {
  /** Empty when there is none. */
  commonName: string;
  organizations: readonly string[];
  /** The whole name for people: `O=example, CN=etcd-ca`. */
  text: string;
}

export interface ParsedCertificate {
  subject: DistinguishedName;
  issuer: DistinguishedName;
  /** Hexadecimal, lower case, whole bytes. */
  serial: string;
  /** As `Date.toISOString` prints it. */
  notBefore: string;
  notAfter: string;
  dns: readonly string[];
  /** As Go prints addresses, see {@link formatIp}. */
  ips: readonly string[];
  /** `serverAuth`, `clientAuth`, or the number of another purpose. */
  ekus: readonly string[];
  /** RFC 5280's names: `digitalSignature`, `keyEncipherment`, `keyCertSign`. Empty when the extension is absent. */
  keyUsage: readonly string[];
  isCa: boolean;
  /** Hexadecimal; null when absent. */
  ski: string | null;
  aki: string | null;
  /** `ecdsa-p256`, `ecdsa-p384`, `rsa-2048` (any size), or the name of another kind of key. */
  algorithm: string;
  /** SHA-256 of the DER, hexadecimal. */
  fingerprint256: string;
  /** SHA-256 of the SubjectPublicKeyInfo, hexadecimal: the same for the private key that belongs to it. */
  publicKeySpkiSha256: string;
}

/** The first certificate of a PEM text. Throws `pki.certificate-unreadable`. */
export function parseCertificate(pem: string): ParsedCertificate {
  const parsed = tryParseCertificate(pem);
  if (parsed === null) throw new KeelsonError('pki.certificate-unreadable', 'This is not a PEM certificate.');
  return parsed;
}

/** For files that may hold anything: null where {@link parseCertificate} throws. */
export const tryParseCertificate = remembered(parseOrNull);

function parseOrNull(pem: string): ParsedCertificate | null {
  const block = readPem(pem)?.find((b) => b.label === 'CERTIFICATE');
  if (block === undefined) return null;
  try {
    return parseDer(block.bytes);
  } catch {
    return null;
  }
}

/** Whether the certificate is of the key whose public half hashes to `spkiSha256`. */
export function verifyPair(certificatePem: string, spkiSha256: string): boolean {
  return tryParseCertificate(certificatePem)?.publicKeySpkiSha256 === spkiSha256.toLowerCase();
}

/** SHA-256 of the SubjectPublicKeyInfo in a certificate, or in a public key, of PEM; null when it is neither. Hexadecimal, lower case. */
export function publicKeySha256(pem: string): string | null {
  const certificate = tryParseCertificate(pem);
  if (certificate !== null) return certificate.publicKeySpkiSha256;
  const block = readPem(pem)?.find(({ label }) => label === 'PUBLIC KEY');
  return block === undefined ? null : sha256(block.bytes);
}

/** Whether the CA's key signed the certificate, by name and by signature. It does not ask whether either has expired. */
export function chainsTo(certificatePem: string, caPem: string): boolean {
  return chain(JSON.stringify([certificatePem, caPem]));
}

const chain = remembered((both) => {
  const [certificatePem, caPem] = JSON.parse(both) as [string, string];
  const certificate = tryParseCertificate(certificatePem);
  const ca = tryParseCertificate(caPem);
  if (certificate === null || ca === null || !ca.isCa) return false;
  if (certificate.aki !== null && ca.ski !== null && certificate.aki !== ca.ski) return false;
  const [leaf, issuer] = [nodeCertificate(certificatePem), nodeCertificate(caPem)];
  return leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey);
});

/** The first certificate alone, without text around it: OpenSSL would take a leading `TRUSTED CERTIFICATE` or a whole bundle. */
function nodeCertificate(pem: string): X509Certificate {
  const block = readPem(pem)?.find((b) => b.label === 'CERTIFICATE');
  return new X509Certificate(writePem('CERTIFICATE', block?.bytes ?? new Uint8Array()));
}

function parseDer(der: Uint8Array): ParsedCertificate {
  const [tbs] = derChildren(expectTag(readDer(der), derTag.sequence));
  const fields = derChildren(expectTag(tbs, derTag.sequence));
  // [0] holds the version; only version 3 has extensions, and a certificate without them is none of ours.
  if (fields[0]?.tag !== 0xa0) throw new Error('not version 3');
  const [, serial, , issuer, validity, subject, spki] = fields;
  const [notBefore, notAfter] = derChildren(expectTag(validity, derTag.sequence));
  const extensions = fields.find((field) => field.tag === 0xa3);
  return {
    subject: readName(expectTag(subject, derTag.sequence)),
    issuer: readName(expectTag(issuer, derTag.sequence)),
    serial: readSerial(expectTag(serial, derTag.integer)),
    notBefore: readTime(notBefore),
    notAfter: readTime(notAfter),
    ...readExtensions(extensions),
    algorithm: readAlgorithm(expectTag(spki, derTag.sequence)),
    fingerprint256: sha256(der),
    publicKeySpkiSha256: sha256(expectTag(spki, derTag.sequence).raw),
  };
}

const attributeNames: Record<string, string> = {
  '2.5.4.3': 'CN',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
};

function readName(node: DerNode): DistinguishedName {
  const attributes = derChildren(node).flatMap((set) =>
    derChildren(expectTag(set, derTag.set)).map((pair) => {
      const [type, value] = derChildren(pair);
      const oid = readOid(expectTag(type, derTag.oid));
      return { name: attributeNames[oid] ?? oid, value: readString(value) };
    }),
  );
  return {
    commonName: attributes.find((a) => a.name === 'CN')?.value ?? '',
    organizations: attributes.filter((a) => a.name === 'O').map((a) => a.value),
    text: attributes.map((a) => `${a.name}=${a.value}`).join(', '),
  };
}

function readString(node: DerNode | undefined): string {
  // UTF8String, PrintableString, IA5String; the others have died out, and as Latin-1 they stay readable.
  return new TextDecoder(node?.tag === 0x0c ? 'utf-8' : 'latin1').decode(node?.content);
}

function readSerial(node: DerNode): string {
  const digits = hex(node.content);
  return digits.length > 2 && digits.startsWith('00') ? digits.slice(2) : digits;
}

type ExtensionFields = Pick<ParsedCertificate, 'dns' | 'ips' | 'ekus' | 'keyUsage' | 'isCa' | 'ski' | 'aki'>;

function readExtensions(wrapper: DerNode | undefined): ExtensionFields {
  const byOid = new Map<string, DerNode>();
  const list = wrapper === undefined ? [] : derChildren(readDer(wrapper.content));
  for (const extension of list) {
    const parts = derChildren(extension);
    const oid = readOid(expectTag(parts[0], derTag.oid));
    byOid.set(oid, readDer(expectTag(parts.at(-1), derTag.octetString).content));
  }
  const names = byOid.get('2.5.29.17');
  const general = names === undefined ? [] : derChildren(names);
  const ski = byOid.get('2.5.29.14');
  const aki = byOid.get('2.5.29.35');
  const akiKey = aki === undefined ? undefined : derChildren(aki).find((part) => part.tag === 0x80);
  const purposes = byOid.get('2.5.29.37');
  const constraints = byOid.get('2.5.29.19');
  return {
    dns: general.filter((n) => n.tag === 0x82).map((n) => new TextDecoder('latin1').decode(n.content)),
    ips: general.filter((n) => n.tag === 0x87).map((n) => readIp(n.content)),
    ekus: purposes === undefined ? [] : derChildren(purposes).map((p) => purposeNames[readOid(p)] ?? readOid(p)),
    keyUsage: readKeyUsage(byOid.get('2.5.29.15')),
    isCa:
      constraints !== undefined &&
      derChildren(constraints)[0]?.tag === derTag.boolean &&
      derChildren(constraints)[0]?.content[0] !== 0,
    ski: ski === undefined ? null : hex(ski.content),
    aki: akiKey === undefined ? null : hex(akiKey.content),
  };
}

function readIp(bytes: Uint8Array): string {
  if (bytes.length !== 4 && bytes.length !== 16) throw new Error('an address of a length that no address has');
  return formatIp(bytes);
}

const purposeNames: Record<string, string> = { '1.3.6.1.5.5.7.3.1': 'serverAuth', '1.3.6.1.5.5.7.3.2': 'clientAuth' };

const keyUsageNames = [
  'digitalSignature',
  'contentCommitment',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
];

function readKeyUsage(node: DerNode | undefined): string[] {
  if (node === undefined) return [];
  const bits = expectTag(node, derTag.bitString).content;
  return keyUsageNames.filter((_, i) => ((bits[1 + (i >> 3)] ?? 0) & (0x80 >> (i & 7))) !== 0);
}

const curveNames: Record<string, string> = {
  '1.2.840.10045.3.1.7': 'ecdsa-p256',
  '1.3.132.0.34': 'ecdsa-p384',
  '1.3.132.0.35': 'ecdsa-p521',
};

function readAlgorithm(spki: DerNode): string {
  const [identifier, key] = derChildren(spki);
  const [type, parameters] = derChildren(expectTag(identifier, derTag.sequence));
  const oid = readOid(expectTag(type, derTag.oid));
  if (oid === '1.2.840.10045.2.1') {
    const curve = readOid(expectTag(parameters, derTag.oid));
    return curveNames[curve] ?? `ecdsa (curve ${curve})`;
  }
  if (oid !== '1.2.840.113549.1.1.1') return oid === '1.3.101.112' ? 'ed25519' : oid;
  const rsaKey = readDer(expectTag(key, derTag.bitString).content.subarray(1));
  const modulus = hex(expectTag(derChildren(rsaKey)[0], derTag.integer).content).replace(/^0+/, '');
  return `rsa-${modulus.length * 4 - Math.clz32(Number.parseInt(modulus[0] ?? '0', 16)) + 28}`;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
