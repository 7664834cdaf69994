import { goDurationSeconds } from '../config/duration.ts';
import { CERTIFICATE_MODE, type CertificateSpec, etcdCa, KEY_MODE } from '../desired/certificates.ts';
import type { FilesFact } from '../facts/types.ts';
import type { FileSpec } from '../model/file.ts';
import type { HostId } from '../model/ids.ts';
import { chainsTo, tryParseCertificate, verifyPair } from '../model/x509.ts';
import { removePaths } from '../ports/commands/files.ts';
import { isFounded } from '../ports/vault.ts';
import { attributeChanges, factOf, fileChanges, needed } from './compare.ts';
import { must } from './must.ts';
import { noParams } from './params.ts';
import { placeFiles } from './place-files.ts';
import { type Change, defineStep, type View } from './types.ts';

/**
 * The leaf certificates and keys of one machine, and the CA's certificate. Keys are made for the machine and kept nowhere else.
 * etcd reads its leaf certificates from disk at every handshake, so that no restart is needed.
 */
export const etcdCertificates = defineStep({
  kind: 'etcd-certificates',
  risk: 'safe',
  attempts: 2,
  settleMs: 0,
  parse: noParams,
  title: (_params, on) => `issue and place etcd’s certificates on ${on}`,
  reads: (_params, on) => [{ on, fact: 'files' }, 'vault'],
  judge: (_params, view, on) => {
    const files = factOf(view, on, 'files');
    const host = hostOf(view, on);
    const changes: Change[] = host.certificates.flatMap((spec) => [
      ...leafProblems(view, files, spec, now(view, on)).map((why) => ({ summary: `issue ${spec.certPath}: ${why}` })),
      ...attributeChanges(files, spec.certPath, CERTIFICATE_MODE),
    ]);
    changes.push(...caChanges(view, files, host.holdsCaKey));
    const check = needed(changes);
    return check.is === 'needed' && isFounded(view.desired.cluster.phase) ? { ...check, risk: 'disruptive' } : check;
  },
  apply: async (_params, world, view, on) => {
    const files = factOf(view, on, 'files');
    const host = hostOf(view, on);
    const ca = await world.vault.etcdCa();
    const { algorithm, leafValidity } = view.desired.config.spec.pki;
    const put: FileSpec[] = [{ path: etcdCa.certPath, content: ca.certificate, mode: CERTIFICATE_MODE }];
    if (host.holdsCaKey) put.push({ path: etcdCa.keyPath, content: ca.key, mode: KEY_MODE });
    for (const spec of host.certificates) {
      const problems = leafProblems(view, files, spec, now(view, on));
      if (problems.length === 0) {
        // Only its mode or owner can be wrong: the same content again, with the right ones.
        put.push({ path: spec.certPath, content: files.text.get(spec.certPath) ?? '', mode: CERTIFICATE_MODE });
        continue;
      }
      const { commonName, ekus, dns, ips } = spec;
      const leaf = await world.pki.issue(
        { commonName, ekus, dns, ips, algorithm, validitySeconds: goDurationSeconds(leafValidity) },
        ca,
      );
      put.push(
        { path: spec.keyPath, content: leaf.key, mode: KEY_MODE },
        { path: spec.certPath, content: leaf.certificate, mode: CERTIFICATE_MODE },
      );
    }
    await placeFiles(world, view, on, put);
    if (!host.holdsCaKey && present(files, etcdCa.keyPath)) await must(world, removePaths([etcdCa.keyPath]));
  },
});

function hostOf(view: View, on: HostId) {
  const host = view.desired.hosts.get(on);
  if (host === undefined) throw new Error(`${on} is not in the configuration`);
  return host;
}

/** When the facts were read, in milliseconds since 1970. */
function now(view: View, on: HostId): number {
  const fact = view.facts.hosts.get(on)?.files;
  return fact?.is === 'known' ? Date.parse(fact.at) : 0;
}

function present(files: FilesFact, path: string): boolean {
  const fact = files.at.get(path);
  return fact !== undefined && fact.is !== 'absent';
}

/** Why a leaf must be issued again; empty when it is right. kubeadm checks the signature only: SANs must be compared here. */
export function leafProblems(view: View, files: FilesFact, spec: CertificateSpec, at: number): string[] {
  const pem = files.text.get(spec.certPath);
  const key = files.at.get(spec.keyPath);
  if (pem === undefined && (key === undefined || key.is === 'absent')) return ['it does not exist'];
  if (pem === undefined) return ['the certificate is missing'];
  if (key === undefined || key.is !== 'file') return ['its private key is missing'];
  const certificate = tryParseCertificate(pem);
  if (certificate === null) return ['the file holds no certificate'];
  const problems: string[] = [];
  const ca = view.desired.caCertificate;
  if (ca === null || !chainsTo(pem, ca)) problems.push('it is not signed by this cluster’s CA');
  if (certificate.subject.commonName !== spec.commonName || certificate.subject.organizations.length > 0) {
    problems.push(`its subject is ${certificate.subject.text}`);
  }
  if (!sameSet(certificate.dns, spec.dns) || !sameSet(certificate.ips, spec.ips)) {
    problems.push(`its names are ${[...certificate.dns, ...certificate.ips].join(', ') || 'none'}`);
  }
  if (!sameSet(certificate.ekus, spec.ekus))
    problems.push(`its extended key usage is ${certificate.ekus.join(', ') || 'none'}`);
  if (certificate.algorithm !== view.desired.config.spec.pki.algorithm)
    problems.push(`its key is ${certificate.algorithm}`);
  if (Date.parse(certificate.notAfter) <= at) problems.push(`it expired at ${certificate.notAfter}`);
  const publicKey = files.publicKeys.get(spec.keyPath);
  if (publicKey === undefined) problems.push('its private key cannot be read');
  else if (!verifyPair(pem, publicKey)) problems.push('its private key is another’s');
  // A key that others could read is no longer secret: a new mode would not make it so.
  if (key.mode !== KEY_MODE || key.owner !== 'root' || key.group !== 'root') {
    problems.push(`its private key is ${key.owner}:${key.group} ${key.mode}`);
  }
  return problems;
}

function caChanges(view: View, files: FilesFact, holdsKey: boolean): Change[] {
  const ca = view.desired.caCertificate;
  const changes =
    ca === null
      ? [{ summary: `create ${etcdCa.certPath} (${CERTIFICATE_MODE})` }]
      : fileChanges(files, { path: etcdCa.certPath, content: ca, mode: CERTIFICATE_MODE }).map(({ summary }) => ({
          summary,
        }));
  if (!holdsKey && present(files, etcdCa.keyPath))
    changes.push({ summary: `remove ${etcdCa.keyPath}: the CA’s key belongs in the vault alone` });
  if (holdsKey) changes.push(...caKeyChanges(ca, files));
  return changes;
}

function caKeyChanges(ca: string | null, files: FilesFact): Change[] {
  if (!present(files, etcdCa.keyPath)) return [{ summary: `create ${etcdCa.keyPath} (${KEY_MODE})` }];
  const publicKey = files.publicKeys.get(etcdCa.keyPath);
  const pair = ca !== null && publicKey !== undefined && verifyPair(ca, publicKey);
  return [
    ...(pair ? [] : [{ summary: `change ${etcdCa.keyPath}: it is not the CA’s key` }]),
    ...attributeChanges(files, etcdCa.keyPath, KEY_MODE),
  ];
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((x) => b.includes(x));
}
