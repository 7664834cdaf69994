import { type KeyObject, randomBytes, sign } from 'node:crypto';
import { KeelsonError } from '../model/errors.ts';
import { parseIp } from '../model/ip.ts';
import { writePem } from '../model/pem.ts';
import { reveal } from '../model/reveal.ts';
import { Secret } from '../model/secret.ts';
import type { KeyAlgorithm } from '../model/x509.ts';
import type { Clock } from '../ports/clock.ts';
import type { CaSpec, CertificatePair, Issuer, LeafSpec } from '../ports/issuer.ts';
import { loadCa, type SigningCa, signingCa } from './ca.ts';
import { bitString, derNull, oid, sequence } from './der.ts';
import { type KeyPair, makeKeyPair, readPrivateKey } from './keys.ts';
import { caExtensions, leafExtensions, subjectName, type ToBeSigned, tbsCertificate } from './profile.ts';
import { encryptForUpload } from './upload.ts';

export interface IssuerOptions {
  clock: Clock;
  /** For serial numbers. */
  randomBytes?: (length: number) => Uint8Array;
  makeKeyPair?: (algorithm: KeyAlgorithm) => Promise<KeyPair>;
}

/** kubeadm's: certificates are valid at once on machines whose clocks are a little behind. */
const BACKDATE_SECONDS = 300;
const EPHEMERAL_SECONDS = 600;

export function createIssuer(options: IssuerOptions): Issuer {
  const random = options.randomBytes ?? randomBytes;
  const newKey = options.makeKeyPair ?? makeKeyPair;
  // Parsing a CA and matching its halves costs as much as a signature, and one CA signs many leaves.
  const opened = new WeakMap<Secret, { certificate: string; ca: SigningCa }>();

  function openCa(pair: CertificatePair): SigningCa {
    const known = opened.get(pair.key);
    if (known?.certificate === pair.certificate) return known.ca;
    const ca = signingCa(pair);
    opened.set(pair.key, { certificate: pair.certificate, ca });
    return ca;
  }

  return {
    createCa: async (spec) => {
      checkCa(spec);
      const times = validity(options.clock.now(), spec.validitySeconds, BACKDATE_SECONDS);
      const key = await newKey(spec.algorithm);
      const privateKey = readPrivateKey(key.privateKey);
      const name = subjectName({ commonName: spec.commonName, organizations: [] });
      const extensions = caExtensions(key.spki, spec.commonName);
      const fields = { serial: serial(random), issuer: name, subject: name, ...times, spki: key.spki, extensions };
      return { certificate: signed(fields, privateKey), key: key.privateKey };
    },
    createKeyPair: async (algorithm) => {
      const { spki, privateKey } = await newKey(algorithm);
      return { public: writePem('PUBLIC KEY', spki), key: privateKey };
    },
    encryptForUpload: (text, certificateKey) => {
      const plaintext = Buffer.from(text instanceof Secret ? reveal(text) : text);
      const key = Buffer.from(reveal(certificateKey), 'hex');
      return Buffer.from(encryptForUpload(plaintext, key, random(12))).toString('base64');
    },
    issue: async (spec, pair) => {
      checkLeaf(spec);
      const now = options.clock.now();
      const times = validity(now, spec.validitySeconds, spec.backdateSeconds ?? BACKDATE_SECONDS);
      const ca = openCa(pair);
      ca.mustBeValid(now);
      const key = await newKey(spec.algorithm);
      const subject = subjectName({ commonName: spec.commonName, organizations: spec.organizations ?? [] });
      const extensions = leafExtensions({ ...spec, authorityKeyId: ca.subjectKeyId });
      const fields = { serial: serial(random), issuer: ca.subject, subject, ...times, spki: key.spki, extensions };
      return { certificate: signed(fields, ca.privateKey), key: key.privateKey };
    },
    loadCa: (files) => loadCa(files, options.clock.now()),
  };
}

/** Who asks: for Kubernetes a user and its groups, for etcd a name in its log. */
export interface ClientSubject {
  commonName: string;
  organizations?: readonly string[];
}

/** keelson as it asks etcd. */
export const etcdClient: ClientSubject = { commonName: 'keelson' };
/** keelson as it asks the Kubernetes API. The group is above all RBAC, so that broken roles can be repaired too. */
export const kubernetesClient: ClientSubject = { commonName: 'keelson', organizations: ['system:masters'] };

/** A client certificate that is only ever held in memory and dies by itself after ten minutes. */
export function ephemeralClientCertificate(
  subject: ClientSubject,
  ca: CertificatePair,
  clock: Clock,
): Promise<CertificatePair> {
  return createIssuer({ clock }).issue(
    {
      ...subject,
      ekus: ['clientAuth'],
      dns: [],
      ips: [],
      algorithm: 'ecdsa-p256',
      validitySeconds: EPHEMERAL_SECONDS,
    },
    ca,
  );
}

// Go signs with SHA-256 for P-256 and RSA, with SHA-384 for P-384.
const ecdsaWithSha256 = { hash: 'sha256', identifier: sequence(oid('1.2.840.10045.4.3.2')) };
const ecdsaWithSha384 = { hash: 'sha384', identifier: sequence(oid('1.2.840.10045.4.3.3')) };
const rsaWithSha256 = { hash: 'sha256', identifier: sequence(oid('1.2.840.113549.1.1.11'), derNull) };

function signatureFor(key: KeyObject): { hash: string; identifier: Uint8Array } {
  if (key.asymmetricKeyType === 'rsa') return rsaWithSha256;
  return key.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? ecdsaWithSha384 : ecdsaWithSha256;
}

function signed(fields: Omit<ToBeSigned, 'signatureAlgorithm'>, key: KeyObject): string {
  const { hash, identifier } = signatureFor(key);
  const tbs = tbsCertificate({ ...fields, signatureAlgorithm: identifier });
  return writePem('CERTIFICATE', sequence(tbs, identifier, bitString(sign(hash, tbs, key))));
}

/** kubeadm's range, [1, 2^63-1): 63 random bits, and neither nothing nor everything. */
function serial(random: (length: number) => Uint8Array): Uint8Array {
  for (;;) {
    const bytes = Uint8Array.from(random(8));
    bytes[0] = (bytes[0] ?? 0) & 0x7f;
    const value = new DataView(bytes.buffer).getBigUint64(0);
    if (value >= 1n && value < 2n ** 63n - 1n) return bytes;
  }
}

function validity(now: Date, seconds: number, backdateSeconds: number): { notBefore: Date; notAfter: Date } {
  const notAfter = new Date(now.getTime() + seconds * 1000);
  if (!Number.isSafeInteger(seconds) || seconds <= 0 || !Number.isSafeInteger(backdateSeconds) || backdateSeconds < 0) {
    throw refused(`a validity of ${seconds} seconds`);
  }
  // The last moment that a certificate can name.
  if (!(notAfter.getTime() < Date.UTC(10000, 0))) throw refused(`an end after the year 9999 (${seconds} seconds)`);
  return { notBefore: new Date(now.getTime() - backdateSeconds * 1000), notAfter };
}

function checkLeaf(spec: LeafSpec): void {
  for (const name of [spec.commonName, ...(spec.organizations ?? [])]) checkName(name);
  for (const name of spec.dns) {
    if (!/^[\x21-\x7e]{1,253}$/.test(name)) throw refused(`the DNS name ${JSON.stringify(name)}`);
  }
  for (const ip of spec.ips) {
    if (parseIp(ip) === null) throw refused(`the IP address ${JSON.stringify(ip)}`);
  }
}

function checkCa(spec: CaSpec): void {
  checkName(spec.commonName);
  if (!/^[\x21-\x7e]+$/.test(spec.commonName))
    throw refused(`the CA name ${JSON.stringify(spec.commonName)}, which is a DNS name too`);
}

/** 64 characters are X.520's bound for names; OpenSSL refuses longer ones. */
function checkName(name: string): void {
  if (name === '' || Array.from(name).length > 64 || /\p{Cc}/u.test(name) || !name.isWellFormed()) {
    throw refused(`the name ${JSON.stringify(name)}`);
  }
}

function refused(what: string): KeelsonError {
  return new KeelsonError('pki.request-invalid', `No certificate can hold ${what}.`);
}
