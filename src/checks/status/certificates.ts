import { etcdCa } from '../../desired/certificates.ts';
import type { View } from '../../facts/types.ts';
import type { Finding, Severity } from '../../model/finding.ts';
import type { HostId } from '../../model/ids.ts';
import { tryParseCertificate } from '../../model/x509.ts';
import type { Reply } from '../../ports/etcd-admin.ts';
import { isFounded } from '../../ports/vault.ts';
import { type CertificateFault, certificateFaults, ofMember } from '../../steps/certificate-problems.ts';
import { finding } from '../finding.ts';
import { list, said, span } from '../text.ts';
import { lostData } from './data.ts';
import { insteadOfApply } from './refused.ts';
import type { CertificateReport, StatusCheck } from './types.ts';

const DAY_MS = 86_400_000;

/** The CA and the four leaves of each machine; a file that holds no certificate has a finding, and is not here. */
export function certificatesOf(view: View, now: number): CertificateReport[] {
  return [...view.desired.hosts.values()].flatMap((host) => {
    const files = view.facts.hosts.get(host.id)?.files;
    if (files?.is !== 'known') return [];
    return [etcdCa, ...host.certificates].flatMap(({ name, certPath }): CertificateReport[] => {
      const text = files.value.text.get(certPath);
      const parsed = text === undefined ? null : tryParseCertificate(text);
      if (parsed === null) return [];
      const { subject, issuer, notBefore, notAfter, fingerprint256 } = parsed;
      return [
        {
          host: host.id,
          path: certPath,
          subject: subject.text,
          issuer: issuer.text,
          notBefore,
          notAfter,
          daysLeft: Math.floor((Date.parse(notAfter) - now) / DAY_MS),
          served: servedIs(view, host.id, name, fingerprint256),
        },
      ];
    });
  });
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

type Age = 'expired' | 'not-yet-valid' | 'error' | 'warning' | 'good';

function ageOf({ notBefore, notAfter }: CertificateReport, now: number): Age {
  const [begin, end] = [Date.parse(notBefore), Date.parse(notAfter)];
  if (now >= end) return 'expired';
  if (now < begin) return 'not-yet-valid';
  const within = ({ days, part }: typeof SOON): boolean => end - now < Math.min(days * DAY_MS, part * (end - begin));
  if (within(VERY_SOON)) return 'error';
  return within(SOON) ? 'warning' : 'good';
}

/** Those of one machine in one finding each; the CA, the same on all machines, in one for all. */
export const certificateAges: StatusCheck = ({ certificates, now }) => {
  const groups = Map.groupBy(certificates, (c) => `${ageOf(c, now)} ${c.path === etcdCa.certPath ? '' : c.host}`);
  return [...groups].flatMap(([key, same]) => {
    const [first] = same;
    const age = key.split(' ')[0] as Age;
    if (first === undefined || age === 'good') return [];
    return [ageFinding(age, first, same, now)];
  });
};

function ageFinding(
  age: Exclude<Age, 'good'>,
  first: CertificateReport,
  same: readonly CertificateReport[],
  now: number,
): Finding {
  const isCa = first.path === etcdCa.certPath;
  const files = [...new Set(same.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)))];
  const what = isCa ? 'the CA’s certificate' : `${list(files)} on ${first.host}`;
  const many = files.length > 1;
  const where = isCa ? {} : { host: first.host };
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
  const action = isCa ? 'Rotating a CA is a capability of its own: plan it now.' : undefined;
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
  return [...wrong].map(([host, files]) =>
    finding(
      'status.certificate-served',
      'error',
      `${host} serves another certificate than ${list(files.map((f) => said(f.path)))}`,
      { host },
    ),
  );
};
