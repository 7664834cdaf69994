import type { Secret } from '../model/secret.ts';
import type { ExtendedKeyUsage, KeyAlgorithm } from '../model/x509.ts';

/** A certificate and the private key that belongs to it, both PEM as kubeadm writes them. */
export interface CertificatePair {
  certificate: string;
  /** `EC PRIVATE KEY` or `RSA PRIVATE KEY`. */
  key: Secret;
}

export interface CaSpec {
  commonName: string;
  algorithm: KeyAlgorithm;
  validitySeconds: number;
}

export interface LeafSpec {
  commonName: string;
  organizations?: readonly string[];
  ekus: readonly ExtendedKeyUsage[];
  dns: readonly string[];
  ips: readonly string[];
  algorithm: KeyAlgorithm;
  /** From now; the whole span is longer by `backdateSeconds`. */
  validitySeconds: number;
  /** How far NotBefore lies in the past, for machines whose clocks are behind. kubeadm's five minutes by default. */
  backdateSeconds?: number;
}

/** Where a CA of the user's own lies on the operator's machine. */
export interface CaFiles {
  certificate: string;
  key: string;
}

/** Makes certificates with kubeadm's profile. It keeps nothing: what is made is put in the vault or on a machine. */
export interface Issuer {
  readonly createCa: (spec: CaSpec) => Promise<CertificatePair>;
  /** For the service accounts: the public half in PEM, and the private one as kubeadm writes it. */
  readonly createKeyPair: (algorithm: KeyAlgorithm) => Promise<{ public: string; key: Secret }>;
  /** As kubeadm keeps a file in the Secret kubeadm-certs, in base64. `certificateKey` is 64 hexadecimal digits. */
  readonly encryptForUpload: (text: Secret | string, certificateKey: Secret) => string;
  /** Rejects with `pki.ca-unusable` when the CA is expired, is no CA, or its key is another's. */
  readonly issue: (spec: LeafSpec, ca: CertificatePair) => Promise<CertificatePair>;
  /** Reads and judges a CA that the user brings. Rejects with `pki.ca-unusable`, naming everything that is wrong. */
  readonly loadCa: (files: CaFiles) => Promise<CertificatePair>;
}
