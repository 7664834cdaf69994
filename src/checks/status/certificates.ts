import { type CertificateName, certificateFiles, etcdCa } from '../../desired/certificates.ts';
import { API_SERVER_CERTIFICATE, authorityFiles, KUBELET_CERTIFICATE } from '../../desired/node-certificates.ts';
import type { NodeCertificatesFact } from '../../facts/node-certificates.ts';
import type { View } from '../../facts/types.ts';
import type { Finding, Severity } from '../../model/finding.ts';
import type { HostId } from '../../model/ids.ts';
import { type ParsedCertificate, tryParseCertificate } from '../../model/x509.ts';
import type { Reply } from '../../ports/etcd-admin.ts';
import { isFounded } from '../../ports/vault.ts';
import { type CertificateFault, certificateFaults, ofMember } from '../../steps/certificate-problems.ts';
import { finding } from '../finding.ts';
import { list, said, span } from '../text.ts';
import { lostData } from './data.ts';
import { insteadOfApply } from './refused.ts';
import type { CertificateReport, StatusCheck } from './types.ts';

const DAY_MS = 86_400_000;

/**
 * The CA and the four leaves of each machine of etcd's, and all that kubeadm has placed on nodes; a file that holds no certificate has a
 * finding, or is not needed there, and is not here.
 */
export function certificatesOf(
  view: View,
  now: number,
  ofNodes: ReadonlyMap<HostId, NodeCertificatesFact> = new Map(),
): CertificateReport[] {
  return view.desired.machines.flatMap(({ id }) => [
    ...etcdCertificates(view, id, now),
    ...nodeCertificates(view, id, ofNodes.get(id), now),
  ]);
}

function etcdCertificates(view: View, id: HostId, now: number): CertificateReport[] {
  const host = view.desired.hosts.get(id);
  const files = view.facts.hosts.get(id)?.files;
  if (host === undefined || files?.is !== 'known') return [];
  return [etcdCa, ...host.certificates].flatMap(({ name, certPath }): CertificateReport[] => {
    const parsed = tryParseCertificate(files.value.text.get(certPath) ?? '');
    if (parsed === null) return [];
    return [reportOf(id, certPath, parsed, servedIs(view, id, name, parsed.fingerprint256), now)];
  });
}

/** kubeadm's paths are those that keelson uses on etcd's own machines. */
const ETCD_SERVES: ReadonlyMap<string, CertificateName> = new Map(
  certificateFiles.flatMap(({ name, certPath }) =>
    name === 'etcd-server' || name === 'etcd-peer' ? [[certPath, name]] : [],
  ),
);

function nodeCertificates(
  view: View,
  id: HostId,
  fact: NodeCertificatesFact | undefined,
  now: number,
): CertificateReport[] {
  if (fact?.files.is !== 'known') return [];
  // Until a stacked cluster is founded its first members' are keelson's, and are among etcd's already.
  const others = view.desired.hosts.get(id)?.certificates.map(({ certPath }) => certPath) ?? [];
  return [...fact.files.value].flatMap(([path, text]): CertificateReport[] => {
    const parsed = others.includes(path) ? null : tryParseCertificate(text);
    if (parsed === null) return [];
    const name = ETCD_SERVES.get(path);
    const shown = fact.served?.is === 'known' ? fact.served.value === parsed.fingerprint256 : null;
    const byEtcd = name === undefined ? null : servedIs(view, id, name, parsed.fingerprint256);
    return [reportOf(id, path, parsed, path === API_SERVER_CERTIFICATE ? shown : byEtcd, now)];
  });
}

function reportOf(
  host: HostId,
  path: string,
  { subject, issuer, notBefore, notAfter }: ParsedCertificate,
  served: boolean | null,
  now: number,
): CertificateReport {
  const daysLeft = Math.floor((Date.parse(notAfter) - now) / DAY_MS);
  return { host, path, subject: subject.text, issuer: issuer.text, notBefore, notAfter, daysLeft, served };
}

function servedIs(view: View, host: HostId, name: string, fingerprint: string): boolean | null {
  const endpoint = view.facts.etcd.is === 'known' ? view.facts.etcd.value.endpoints.get(host) : undefined;
  const served: Readonly<Record<string, Reply<string> | undefined>> = {
    'etcd-server': endpoint?.servedClient,
    'etcd-peer': endpoint?.servedPeer,
  };
  const reply = served[name];
  if (reply?.is === 'ok') return reply.value === fingerprint;
  // A handshake that fails because of the very file is an answer, too.
  const faulty = certificateFaults(view, host).some((fault) => fault.name === name);
  return reply?.reason === 'tls' && faulty ? false : null;
}

// Of a certificate that is made for a short time a part of it is soon: else it would be near its end from its first day on.
const SOON = { days: 30, part: 1 / 3 };
const VERY_SOON = { days: 7, part: 1 / 10 };
// The kubelet renews its own when at most three tenths of its time are left, and at least one.
const OF_KUBELET = { soon: { days: 30, part: 1 / 10 }, verySoon: { days: 7, part: 1 / 20 } };

type Age = 'expired' | 'not-yet-valid' | 'error' | 'warning' | 'good';

function ageOf({ path, notBefore, notAfter }: CertificateReport, now: number): Age {
  const [begin, end] = [Date.parse(notBefore), Date.parse(notAfter)];
  if (now >= end) return 'expired';
  if (now < begin) return 'not-yet-valid';
  const within = ({ days, part }: typeof SOON): boolean => end - now < Math.min(days * DAY_MS, part * (end - begin));
  const kubelets = path === KUBELET_CERTIFICATE;
  if (within(kubelets ? OF_KUBELET.verySoon : VERY_SOON)) return 'error';
  return within(kubelets ? OF_KUBELET.soon : SOON) ? 'warning' : 'good';
}

/** Those of one machine that are renewed in one way in one finding each; a CA, the same on all machines, in one for all. */
export const certificateAges: StatusCheck = ({ view, certificates, now }) => {
  const groups = Map.groupBy(certificates, (c) => {
    const place = authorityFiles.has(c.path) ? c.path : `${c.host} ${renewalOf(view, c) ?? ''}`;
    return `${ageOf(c, now)} ${place}`;
  });
  return [...groups].flatMap(([key, same]) => {
    const [first] = same;
    const age = key.split(' ')[0] as Age;
    if (first === undefined || age === 'good') return [];
    return [ageFinding(age, first, same, now, renewalOf(view, first))];
  });
};

const BY_KUBEADM =
  'Run kubeadm certs renew all on the machine, then move its manifests away and back one after the other, so that its static pods read the new files.';
const BY_KUBELET =
  'The kubelet renews it by itself, with a CertificateSigningRequest that the controller manager signs: see the log of both for why it did not.';

/** How it is renewed where keelson does not do it; undefined where the code's own advice holds. */
function renewalOf({ desired }: View, { host, path }: CertificateReport): string | undefined {
  if (path === KUBELET_CERTIFICATE) return BY_KUBELET;
  // What a control plane shows an external etcd is issued by keelson.
  const ours =
    desired.config.spec.etcd.topology === 'external' && certificateFiles.some((file) => file.certPath === path);
  return desired.nodes.some((node) => node.host === host) && !ours ? BY_KUBEADM : undefined;
}

function ageFinding(
  age: Exclude<Age, 'good'>,
  first: CertificateReport,
  same: readonly CertificateReport[],
  now: number,
  renewal: string | undefined,
): Finding {
  const authority = authorityFiles.get(first.path);
  const isCa = authority !== undefined;
  const files = [...new Set(same.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)))];
  const what = authority ?? `${list(files)} on ${first.host}`;
  const many = files.length > 1;
  const where = isCa ? {} : { host: first.host, ...(renewal === undefined ? {} : { action: renewal }) };
  const ends = same.map((c) => c.notAfter).sort()[0] ?? '';
  if (age === 'expired')
    return finding(
      'status.certificate-invalid',
      'error',
      `${what} expired ${lasting(now - Date.parse(ends))} ago`,
      where,
    );
  if (age === 'not-yet-valid') {
    return finding(
      'status.certificate-invalid',
      'error',
      `${what} ${many ? 'are' : 'is'} valid only from ${first.notBefore}`,
      where,
    );
  }
  const action = isCa ? 'Rotating a CA is a capability of its own: plan it now.' : renewal;
  const severity: Severity = age;
  return finding(
    'status.certificate-expiring',
    severity,
    `${what} ${many ? 'expire' : 'expires'} in ${lasting(Date.parse(ends) - now)}, on ${ends.slice(0, 10)}`,
    {
      ...where,
      ...(action === undefined ? {} : { action }),
    },
  );
}

function lasting(ms: number): string {
  const days = Math.floor(ms / DAY_MS);
  return days >= 2 ? `${days} days` : span(ms);
}

/**
 * Connections that are open stay as they are, so that members look healthy until one of them has to connect again. A file that has expired
 * has a finding of its own.
 */
export const certificatesDamaged: StatusCheck = ({ view, plan }) => {
  if (!isFounded(view.desired.cluster.phase)) return [];
  return view.desired.members.flatMap(({ host }): Finding[] => {
    if (lostData(view, host) !== null) return [];
    const faults = certificateFaults(view, host).filter(({ is }) => is !== 'expired');
    const [own, clients] = [faults.filter(ofMember), faults.filter((fault) => !ofMember(fault))];
    const details = { host, ...insteadOfApply(plan) };
    const code = 'status.certificate-damaged';
    const meaning = 'new connections to its member fail, or its next start, and those that are open hide it';
    return [
      ...(own.length === 0 ? [] : [finding(code, 'error', `${unusable(host, own)}; ${meaning}`, details)]),
      ...(clients.length === 0 ? [] : [finding(code, 'warning', unusable(host, clients), details)]),
    ];
  });
};

/** `peer.crt on etcd-0 cannot be used: the file holds no certificate`. */
function unusable(host: HostId, faults: readonly CertificateFault[]): string {
  const parts = [...Map.groupBy(faults, ({ why }) => why)].map(
    ([why, same]) =>
      `${list(same.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)))} on ${host} cannot be used: ${said(why)}`,
  );
  return parts.join('; ');
}

/** A leaf is read from its file at every handshake: another one served means another process than ours, or files behind a mount. */
export const certificatesServed: StatusCheck = ({ view, certificates }) => {
  const damaged = (c: CertificateReport): boolean => certificateFaults(view, c.host).some((f) => f.path === c.path);
  const wrong = Map.groupBy(
    certificates.filter((c) => c.served === false && !damaged(c)),
    (c) => c.host,
  );
  return [...wrong].map(([host, files]) => {
    const byKubeadm = view.desired.nodes.some((node) => node.host === host);
    return finding(
      'status.certificate-served',
      'error',
      `${host} serves another certificate than ${list(files.map((f) => said(f.path)))}`,
      { host, ...(byKubeadm ? { action: READ_AGAIN } : {}) },
    );
  });
};

const READ_AGAIN =
  'Move the manifest of the static pod that serves it away and back, one machine at a time: it reads its files again then.';
