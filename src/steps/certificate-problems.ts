import { type CertificateSpec, etcdCa, KEY_MODE } from '../desired/certificates.ts';
import type { DesiredHost } from '../desired/types.ts';
import type { FilesFact } from '../facts/types.ts';
import type { HostId } from '../model/ids.ts';
import { chainsTo, type ParsedCertificate, tryParseCertificate, verifyPair } from '../model/x509.ts';
import { factOf } from './compare.ts';
import type { View } from './types.ts';

export interface LeafProblem {
  /**
   * `damaged`: no handshake can use the pair. `expired`: by the machine's clock, too, nobody accepts it any more. `foreign`: another CA
   * signed it. `exposed`: its key could be read. `other`: a good certificate that is not the one that is wanted.
   */
  is: 'damaged' | 'expired' | 'foreign' | 'exposed' | 'other';
  why: string;
}

/** Why a leaf must be issued again; empty when it is right. kubeadm checks the signature only: SANs must be compared here. */
export function leafProblems(view: View, on: HostId, spec: CertificateSpec): LeafProblem[] {
  const files = factOf(view, on, 'files');
  const missing = missingPart(files, spec);
  if (missing !== null) return [missing];
  const pem = files.text.get(spec.certPath) ?? '';
  const certificate = tryParseCertificate(pem);
  if (certificate === null) return [{ is: 'damaged', why: 'the file holds no certificate' }];
  const problems = [...signature(view, pem, certificate), ...contents(view, spec, certificate)];
  const at = readAt(view, on);
  if (Date.parse(certificate.notAfter) <= at) {
    const surely = Date.parse(certificate.notAfter) <= clockOf(view, on);
    problems.push({ is: surely ? 'expired' : 'other', why: `it expired at ${certificate.notAfter}` });
  }
  const publicKey = files.publicKeys.get(spec.keyPath);
  if (publicKey === undefined) problems.push({ is: 'damaged', why: 'its private key cannot be read' });
  else if (!verifyPair(pem, publicKey)) problems.push({ is: 'damaged', why: 'its private key is another’s' });
  // A key that others could read is no longer secret: a new mode would not make it so.
  const key = files.at.get(spec.keyPath);
  if (key?.is === 'file' && (key.mode !== KEY_MODE || key.owner !== 'root' || key.group !== 'root'))
    problems.push({ is: 'exposed', why: `its private key is ${key.owner}:${key.group} ${key.mode}` });
  return problems;
}

function missingPart(files: FilesFact, { certPath, keyPath }: CertificateSpec): LeafProblem | null {
  const text = files.text.has(certPath);
  const [certificate, key] = [files.at.get(certPath), files.at.get(keyPath)];
  if (!text && !present(files, keyPath)) return { is: 'damaged', why: 'it does not exist' };
  // Behind a symbolic link there may be a good one, which etcd finds.
  if (!text) return { is: isThere(certificate) ? 'other' : 'damaged', why: 'the certificate is missing' };
  if (key?.is !== 'file') return { is: isThere(key) ? 'other' : 'damaged', why: 'its private key is missing' };
  return null;
}

function isThere(fact: ReturnType<FilesFact['at']['get']>): boolean {
  return fact !== undefined && fact.is !== 'absent' && fact.is !== 'file';
}

function signature(view: View, pem: string, certificate: ParsedCertificate): LeafProblem[] {
  const ca = view.desired.caCertificate;
  if (ca !== null && chainsTo(pem, ca)) return [];
  const ours = ca === null ? null : tryParseCertificate(ca);
  const claimsOurs = ours !== null && ours.ski !== null && certificate.aki === ours.ski;
  if (claimsOurs) return [{ is: 'damaged', why: 'the CA’s signature on it is not right' }];
  return [{ is: 'foreign', why: 'it is not signed by this cluster’s CA' }];
}

function contents(view: View, spec: CertificateSpec, certificate: ParsedCertificate): LeafProblem[] {
  const found: string[] = [];
  const { subject, dns, ips, ekus, algorithm } = certificate;
  if (subject.commonName !== spec.commonName || subject.organizations.length > 0)
    found.push(`its subject is ${subject.text}`);
  if (!sameSet(dns, spec.dns) || !sameSet(ips, spec.ips))
    found.push(`its names are ${[...dns, ...ips].join(', ') || 'none'}`);
  if (!sameSet(ekus, spec.ekus)) found.push(`its extended key usage is ${ekus.join(', ') || 'none'}`);
  if (algorithm !== view.desired.config.spec.pki.algorithm) found.push(`its key is ${algorithm}`);
  return found.map((why) => ({ is: 'other', why }));
}

/** Somebody may rely on the pair that would be replaced: it works, and the new one differs in more than its key. */
function takesGoodPair(problems: readonly LeafProblem[]): boolean {
  const useless = problems.some(({ is }) => is === 'damaged' || is === 'expired');
  return !useless && problems.some(({ is }) => is !== 'exposed');
}

/** What the file of the CA holds instead of our CA's certificate; null when it is right, but for its mode or what stands beside it. */
function caProblem(view: View, on: HostId): LeafProblem | null {
  const ca = view.desired.caCertificate;
  const ours = ca === null ? null : tryParseCertificate(ca);
  if (ours === null) return null;
  const files = factOf(view, on, 'files');
  const text = files.text.get(etcdCa.certPath);
  if (text === undefined) {
    const is = isThere(files.at.get(etcdCa.certPath)) ? 'other' : 'damaged';
    return { is, why: 'the CA’s certificate is missing' };
  }
  const found = tryParseCertificate(text);
  if (found === null) return { is: 'damaged', why: 'the file holds no certificate' };
  if (found.fingerprint256 !== ours.fingerprint256) {
    if (found.publicKeySpkiSha256 === ours.publicKeySpkiSha256 || (ours.ski !== null && found.ski === ours.ski))
      return { is: 'damaged', why: 'it is not the CA’s certificate as it was made' };
    return { is: 'foreign', why: 'it is another CA’s' };
  }
  const more = text.split('-----BEGIN CERTIFICATE-----').length > 2;
  return more ? { is: 'other', why: 'it holds more than this cluster’s CA' } : null;
}

/** The machine trusts, at etcd's next start, somebody else than our CA. */
function caIsAnother(view: View, on: HostId): boolean {
  const problem = caProblem(view, on);
  return problem !== null && problem.is !== 'damaged';
}

/** Nothing that somebody may rely on is replaced by something else. */
export function mendsOnly(view: View, on: HostId): boolean {
  const careful = hostOf(view, on).certificates.some((spec) => takesGoodPair(leafProblems(view, on, spec)));
  return !careful && !caIsAnother(view, on);
}

export interface CertificateFault {
  name: CertificateSpec['name'] | typeof etcdCa.name;
  path: string;
  /** The whole pair's when it is a leaf's. */
  why: string;
  is: LeafProblem['is'];
}

/**
 * Certificates and keys on a machine with which no new connection can be made, or the next start would fail; empty where nothing is known.
 * Connections that are open stay, so that a member may seem well.
 */
export function certificateFaults(view: View, on: HostId): CertificateFault[] {
  const host = view.desired.hosts.get(on);
  if (host === undefined || view.facts.hosts.get(on)?.files.is !== 'known') return [];
  const leaves = host.certificates.flatMap((spec) => {
    // Without a CA to compare with, nothing can be said of who signed it.
    const harmless = ['exposed', 'other', ...(view.desired.caCertificate === null ? ['foreign'] : [])];
    const problem = leafProblems(view, on, spec).find(({ is }) => !harmless.includes(is));
    if (problem === undefined) return [];
    return [{ name: spec.name, path: spec.certPath, ...problem }];
  });
  const ca = caProblem(view, on);
  return ca === null || ca.is === 'other' ? leaves : [...leaves, { name: etcdCa.name, path: etcdCa.certPath, ...ca }];
}

/** Without these a member serves nobody, or cannot start; clients' own certificates lie there, too. */
export function ofMember({ name }: CertificateFault): boolean {
  return name === 'etcd-server' || name === 'etcd-peer' || name === 'etcd-ca';
}

/** Damage that is mended without taking anything from anybody. */
export function mendable(view: View, on: HostId): boolean {
  const faults = certificateFaults(view, on).filter(ofMember);
  return faults.some(({ is }) => is === 'damaged' || is === 'expired') && mendsOnly(view, on);
}

/** `; peer.crt on etcd-2 cannot be used: the file holds no certificate`: what may be behind the trouble of another member. */
export function damageElsewhere(view: View, on: HostId): string {
  const others = view.desired.members.filter((m) => m.host !== on);
  return others
    .flatMap(({ host }) =>
      certificateFaults(view, host)
        .filter(ofMember)
        .map((fault) => ({ ...fault, host })),
    )
    .map(({ host, path, why }) => `; ${path.slice(path.lastIndexOf('/') + 1)} on ${host} cannot be used: ${why}`)
    .join('');
}

export function hostOf(view: View, on: HostId): DesiredHost {
  const host = view.desired.hosts.get(on);
  if (host === undefined) throw new Error(`${on} is not in the configuration`);
  return host;
}

export function present(files: FilesFact, path: string): boolean {
  const fact = files.at.get(path);
  return fact !== undefined && fact.is !== 'absent';
}

/** When the facts were read, in milliseconds since 1970, by the operator's clock. */
function readAt(view: View, on: HostId): number {
  const fact = view.facts.hosts.get(on)?.files;
  return fact?.is === 'known' ? Date.parse(fact.at) : 0;
}

/** The same by the machine's clock; 0 when that is not known. */
function clockOf(view: View, on: HostId): number {
  const machine = view.facts.hosts.get(on)?.machine;
  return machine?.is === 'known' ? readAt(view, on) + machine.value.clockSkewMs : 0;
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((x) => b.includes(x));
}
