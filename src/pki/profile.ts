import { createHash } from 'node:crypto';
import { type DerNode, derChildren, readDer } from '../model/der.ts';
import { parseIp, unmapIpv4 } from '../model/ip.ts';
import type { ExtendedKeyUsage } from '../model/x509.ts';
import { bitString, derTrue, element, integer, octetString, oid, sequence, setOf, text, time } from './der.ts';

// What kubeadm's certificates look like, field by field: NewSelfSignedCACert and NewSignedCert in
// https://github.com/kubernetes/kubernetes/blob/v1.36.3/cmd/kubeadm/app/util/pkiutil/pki_helpers.go
// written by Go's x509.CreateCertificate. The order of the extensions is Go's too.

export interface ToBeSigned {
  /** 8 bytes, the first below 0x80. */
  serial: Uint8Array;
  /** DER of the signature's AlgorithmIdentifier. */
  signatureAlgorithm: Uint8Array;
  /** DER of the whole Name. */
  issuer: Uint8Array;
  subject: Uint8Array;
  notBefore: Date;
  notAfter: Date;
  spki: Uint8Array;
  extensions: readonly Uint8Array[];
}

export function tbsCertificate(c: ToBeSigned): Uint8Array {
  return sequence(
    element(0xa0, integer(Uint8Array.of(2))),
    integer(c.serial),
    c.signatureAlgorithm,
    c.issuer,
    sequence(time(c.notBefore), time(c.notAfter)),
    c.subject,
    c.spki,
    element(0xa3, sequence(...c.extensions)),
  );
}

const organization = oid('2.5.4.10');
const commonName = oid('2.5.4.3');

export function subjectName(name: { commonName: string; organizations: readonly string[] }): Uint8Array {
  const cn = setOf(sequence(commonName, text(name.commonName)));
  if (name.organizations.length === 0) return sequence(cn);
  return sequence(setOf(...name.organizations.map((o) => sequence(organization, text(o)))), cn);
}

export function caExtensions(spki: Uint8Array, name: string): Uint8Array[] {
  return [
    caKeyUsage,
    extension(oids.basicConstraints, sequence(derTrue), 'critical'),
    extension(oids.subjectKeyId, octetString(subjectKeyId(spki))),
    subjectAltName([name], []),
  ];
}

export function leafExtensions(leaf: {
  ekus: readonly ExtendedKeyUsage[];
  dns: readonly string[];
  ips: readonly string[];
  /** The CA's subject key id; empty when the CA has none. */
  authorityKeyId: Uint8Array;
}): Uint8Array[] {
  const extensions = [leafKeyUsage];
  if (leaf.ekus.length > 0) {
    extensions.push(extension(oids.extendedKeyUsage, sequence(...leaf.ekus.map((eku) => purposes[eku]))));
  }
  extensions.push(notCa);
  if (leaf.authorityKeyId.length > 0) {
    extensions.push(extension(oids.authorityKeyId, sequence(element(0x80, leaf.authorityKeyId))));
  }
  if (leaf.dns.length + leaf.ips.length > 0) extensions.push(subjectAltName(leaf.dns, leaf.ips));
  return extensions;
}

/** RFC 7093, method 1, as Go since 1.25; older ones took SHA-1. Verifiers only compare the bytes. */
export function subjectKeyId(spki: Uint8Array): Uint8Array {
  const key = derChildren(readDer(spki))[1] as DerNode;
  return createHash('sha256').update(key.content.subarray(1)).digest().subarray(0, 20);
}

const oids = {
  subjectKeyId: oid('2.5.29.14'),
  keyUsage: oid('2.5.29.15'),
  subjectAltName: oid('2.5.29.17'),
  basicConstraints: oid('2.5.29.19'),
  authorityKeyId: oid('2.5.29.35'),
  extendedKeyUsage: oid('2.5.29.37'),
};

const purposes = {
  serverAuth: oid('1.3.6.1.5.5.7.3.1'),
  clientAuth: oid('1.3.6.1.5.5.7.3.2'),
} satisfies Record<ExtendedKeyUsage, Uint8Array>;

// digitalSignature (bit 0) and keyEncipherment (2), for ECDSA keys too as kubeadm does; a CA has keyCertSign (5) besides.
const leafKeyUsage = extension(oids.keyUsage, bitString(Uint8Array.of(0b1010_0000), 5), 'critical');
const caKeyUsage = extension(oids.keyUsage, bitString(Uint8Array.of(0b1010_0100), 2), 'critical');
const notCa = extension(oids.basicConstraints, sequence(), 'critical');

function extension(id: Uint8Array, value: Uint8Array, critical?: 'critical'): Uint8Array {
  return critical === undefined ? sequence(id, octetString(value)) : sequence(id, derTrue, octetString(value));
}

function subjectAltName(dns: readonly string[], ips: readonly string[]): Uint8Array {
  const names = dns.map((name) => element(0x82, new TextEncoder().encode(name)));
  const addresses = ips.map((ip) => element(0x87, unmapIpv4(parseIp(ip) ?? new Uint8Array())));
  return extension(oids.subjectAltName, sequence(...names, ...addresses));
}
