import { createDecipheriv } from 'node:crypto';
import { expect, it } from 'vitest';
import { encryptForUpload } from './upload.ts';

const key = Uint8Array.from({ length: 32 }, (_, n) => n);
const nonce = Uint8Array.from({ length: 12 }, (_, n) => n);
const text = Buffer.from('hello kubeadm');

it('is what Go’s cipher makes, as kubeadm uses it', () => {
  expect(Buffer.from(encryptForUpload(text, key, nonce)).toString('hex')).toBe(
    '000102030405060708090a0b2f67ba77aac5a96eef24f6efdcbd7e1d58173c2540ec0583bfae327a70',
  );
});

it('cannot be changed unseen', () => {
  const sealed = Buffer.from(encryptForUpload(text, key, nonce));
  const open = (bytes: Buffer): string => {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12));
    decipher.setAuthTag(bytes.subarray(-16));
    return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString();
  };
  expect(open(sealed)).toBe('hello kubeadm');
  const changed = Buffer.from(sealed);
  changed[14] = (changed[14] ?? 0) ^ 1;
  expect(() => open(changed)).toThrow();
});

it.each([16, 24, 31, 33])('takes no key of %i bytes, which kubeadm would refuse', (length) => {
  expect(() => encryptForUpload(text, new Uint8Array(length), nonce)).toThrow(TypeError);
});
