import { goDurationSeconds } from '../config/duration.ts';
import { CERTIFICATE_MODE, etcdCa, KEY_MODE } from '../desired/certificates.ts';
import type { FilesFact } from '../facts/types.ts';
import type { FileSpec } from '../model/file.ts';
import { verifyPair } from '../model/x509.ts';
import { removePaths } from '../ports/commands/files.ts';
import { isFounded } from '../ports/vault.ts';
import { hostOf, leafProblems, mendsOnly, present } from './certificate-problems.ts';
import { attributeChanges, factOf, fileChanges, needed } from './compare.ts';
import { must } from './must.ts';
import { noParams } from './params.ts';
import { placeFiles } from './place-files.ts';
import { type Change, defineStep, type View } from './types.ts';

/**
 * The leaf certificates and keys of one machine, and the CA's certificate. Keys are made for the machine and kept nowhere else.
 * etcd reads its leaf certificates from disk at every handshake, so that no restart is needed; connections that are open stay.
 *
 * What no handshake can use is replaced at once, also while another member is down: that can only help, and may be what keeps that one down. A good
 * pair gives way with care, one member at a time: should its successor not be accepted, it must not be everybody's.
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
    const changes: Change[] = host.certificates.flatMap((spec) => {
      const verb = present(files, spec.certPath) ? 'replace' : 'issue';
      return [
        ...leafProblems(view, on, spec).map(({ why }) => ({ summary: `${verb} ${spec.certPath}: ${why}` })),
        ...attributeChanges(files, spec.certPath, CERTIFICATE_MODE),
      ];
    });
    changes.push(...caChanges(view, files, host.holdsCaKey));
    const check = needed(changes);
    if (check.is !== 'needed' || !isFounded(view.desired.cluster.phase)) return check;
    return {
      ...check,
      risk: mendsOnly(view, on) ? 'safe' : 'disruptive',
      effect: 'nothing is restarted: etcd reads the files at its next handshake',
    };
  },
  apply: async (_params, world, view, on) => {
    const files = factOf(view, on, 'files');
    const host = hostOf(view, on);
    const ca = await world.vault.etcdCa();
    const { algorithm, leafValidity } = view.desired.config.spec.pki;
    const put: FileSpec[] = [{ path: etcdCa.certPath, content: ca.certificate, mode: CERTIFICATE_MODE }];
    if (host.holdsCaKey) put.push({ path: etcdCa.keyPath, content: ca.key, mode: KEY_MODE });
    for (const spec of host.certificates) {
      const problems = leafProblems(view, on, spec);
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

function caChanges(view: View, files: FilesFact, holdsKey: boolean): Change[] {
  const ca = view.desired.caCertificate;
  const changes =
    ca === null
      ? [{ summary: `create ${etcdCa.certPath} (${CERTIFICATE_MODE})` }]
      : fileChanges(files, { path: etcdCa.certPath, content: ca, mode: CERTIFICATE_MODE }).map((change) =>
          // Of a new file there is nothing to compare.
          present(files, etcdCa.certPath) ? change : { summary: change.summary },
        );
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
