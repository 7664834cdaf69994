import { createCipheriv } from 'node:crypto';

const KEY_BYTES = 32;
const NONCE_BYTES = 12;

/**
 * What kubeadm puts into the Secret kubeadm-certs for one file: AES-256-GCM without further data, as nonce, ciphertext and tag.
 * Source: cmd/kubeadm/app/util/crypto.
 */
export function encryptForUpload(plaintext: Uint8Array, key: Uint8Array, nonce: Uint8Array): Uint8Array {
  if (key.length !== KEY_BYTES) throw new TypeError(`a certificate key has ${KEY_BYTES} bytes, not ${key.length}`);
  if (nonce.length !== NONCE_BYTES) throw new TypeError(`a nonce has ${NONCE_BYTES} bytes, not ${nonce.length}`);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}
