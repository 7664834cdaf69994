import { type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { derChildren, readDer } from '../model/der.ts';
import { KeelsonError } from '../model/errors.ts';
import { cannotRead } from '../model/file-error.ts';
import { readPem, writePem } from '../model/pem.ts';
import { Secret } from '../model/secret.ts';
import { type ParsedCertificate, parseCertificate } from '../model/x509.ts';
import type { CaFiles, CertificatePair } from '../ports/issuer.ts';
import { exportPrivateKey, readPrivateKey, spkiSha256 } from './keys.ts';

/** A CA opened for signing: its two halves belong together. */
export interface SigningCa {
  privateKey: KeyObject;
  /** DER of the Name, to be copied byte for byte: verifiers compare names as encoded. */
  subject: Uint8Array;
  /** Empty when the certificate has none. */
  subjectKeyId: Uint8Array;
  /** Throws `pki.ca-unusable` outside of the CA's own validity. */
  mustBeValid: (now: Date) => void;
}

export function signingCa(pair: CertificatePair): SigningCa {
  const certificate = parseCertificate(pair.certificate);
  const privateKey = readPrivateKey(pair.key);
  refuse(profileProblems(certificate, spkiSha256(privateKey)));
  return {
    privateKey,
    subject: subjectDer(pair.certificate),
    subjectKeyId: Buffer.from(certificate.ski ?? '', 'hex'),
    mustBeValid: (now) => refuse(timeProblems(certificate, now)),
  };
}

/** Everything that keeps a CA from signing for etcd, in words; empty when it is fit. */
function caProblems(pair: CertificatePair, now: Date): string[] {
  const certificate = parseCertificate(pair.certificate);
  return [...profileProblems(certificate, spkiSha256(readPrivateKey(pair.key))), ...timeProblems(certificate, now)];
}

/** A CA of the user's own, in the form in which the vault and the machines hold it. */
export async function loadCa(files: CaFiles, now: Date): Promise<CertificatePair> {
  const certificateText = await readText(files.certificate, 'pki.certificate-unreadable');
  const keyText = new Secret(await readText(files.key, 'pki.key-unreadable'));
  const blocks = (readPem(certificateText) ?? []).filter((block) => block.label === 'CERTIFICATE');
  const [only] = blocks;
  if (only === undefined) {
    throw new KeelsonError('pki.certificate-unreadable', `${files.certificate} holds no PEM certificate.`, {
      where: files.certificate,
    });
  }
  // Of a chain nobody can tell which one is to be trusted, and etcd would trust them all.
  if (blocks.length > 1)
    throw unusable([`${files.certificate} holds ${blocks.length} certificates; only the signing CA's may be there`]);
  const pair = { certificate: writePem('CERTIFICATE', only.bytes), key: readKey(files.key, keyText) };
  refuse(caProblems(pair, now), files.certificate);
  return pair;
}

function readKey(path: string, text: Secret): Secret {
  try {
    return exportPrivateKey(readPrivateKey(text));
  } catch {
    throw new KeelsonError('pki.key-unreadable', `${path} holds no unencrypted PEM private key.`, { where: path });
  }
}

function profileProblems(certificate: ParsedCertificate, keySpkiSha256: string): string[] {
  const problems: string[] = [];
  if (!certificate.isCa) problems.push('the certificate is not a CA’s (no CA:TRUE in basicConstraints)');
  // Without the extension a key may be used for anything (RFC 5280, 4.2.1.3).
  if (certificate.keyUsage.length > 0 && !certificate.keyUsage.includes('keyCertSign')) {
    problems.push('its key usage does not allow signing certificates (no keyCertSign)');
  }
  if (certificate.subject.text === '') problems.push('its subject is empty');
  if (certificate.publicKeySpkiSha256 !== keySpkiSha256)
    problems.push('the private key belongs to another certificate');
  if (!isSupported(certificate.algorithm)) {
    problems.push(
      `its key is ${certificate.algorithm}; supported are ECDSA P-256 and P-384, and RSA from 2048 bits on`,
    );
  }
  return problems;
}

function timeProblems(certificate: ParsedCertificate, now: Date): string[] {
  const at = now.toISOString();
  if (certificate.notAfter <= at) return [`it expired at ${certificate.notAfter}`];
  return certificate.notBefore > at ? [`it is valid only from ${certificate.notBefore} on`] : [];
}

function isSupported(algorithm: string): boolean {
  if (algorithm === 'ecdsa-p256' || algorithm === 'ecdsa-p384') return true;
  const bits = /^rsa-(\d+)$/.exec(algorithm)?.[1];
  return bits !== undefined && Number(bits) >= 2048;
}

function refuse(problems: readonly string[], where?: string): void {
  if (problems.length > 0) throw unusable(problems, where);
}

function unusable(problems: readonly string[], where?: string): KeelsonError {
  return new KeelsonError(
    'pki.ca-unusable',
    `The CA cannot sign certificates for etcd: ${problems.join('; ')}.`,
    where === undefined ? {} : { where },
  );
}

function subjectDer(pem: string): Uint8Array {
  const [tbs] = derChildren(readDer(new Uint8Array(new X509Certificate(pem).raw)));
  const subject = tbs === undefined ? undefined : derChildren(tbs)[5];
  return subject?.raw ?? new Uint8Array();
}

async function readText(path: string, code: 'pki.certificate-unreadable' | 'pki.key-unreadable'): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new KeelsonError(code, cannotRead(path, error), { where: path });
  }
}
