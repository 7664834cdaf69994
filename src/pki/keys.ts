import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { promisify } from 'node:util';
import { KeelsonError } from '../model/errors.ts';
import { reveal } from '../model/reveal.ts';
import { Secret } from '../model/secret.ts';
import type { KeyAlgorithm } from '../model/x509.ts';

export interface KeyPair {
  /** DER of the SubjectPublicKeyInfo. */
  spki: Uint8Array;
  /** PEM: SEC 1 `EC PRIVATE KEY` or PKCS#1 `RSA PRIVATE KEY`, as kubeadm writes them. */
  privateKey: Secret;
}

const generate = promisify(generateKeyPair);

/** RSA in the thread pool, where it takes a tenth of a second; P-256 here, where it takes less than the way to the pool. */
export async function makeKeyPair(algorithm: KeyAlgorithm): Promise<KeyPair> {
  const pair = algorithm === 'ecdsa-p256' ? makeEcdsa() : await makeRsa();
  return { spki: new Uint8Array(pair.publicKey), privateKey: new Secret(pair.privateKey) };
}

/** Throws `pki.key-unreadable`. Encrypted keys are refused: nothing could ask for their passphrase in the middle of a run. */
export function readPrivateKey(pem: Secret): KeyObject {
  try {
    return createPrivateKey(reveal(pem));
  } catch {
    // The reason is left out: OpenSSL's messages say nothing useful here, and an error must never quote a key.
    throw new KeelsonError('pki.key-unreadable', 'This is not an unencrypted PEM private key.');
  }
}

/** The key as kubeadm would have written it, whatever its form was. */
export function exportPrivateKey(key: KeyObject): Secret {
  const type = key.asymmetricKeyType === 'rsa' ? 'pkcs1' : key.asymmetricKeyType === 'ec' ? 'sec1' : 'pkcs8';
  return new Secret(key.export({ type, format: 'pem' }).toString());
}

/** The same digest as `publicKeySpkiSha256` of a certificate of this key. */
export function spkiSha256(privateKey: KeyObject): string {
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest('hex');
}

function makeEcdsa(): { publicKey: Buffer; privateKey: string } {
  return generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
  });
}

function makeRsa(): Promise<{ publicKey: Buffer; privateKey: string }> {
  return generate('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
}
