import { goDurationSeconds } from '../config/duration.ts';
import {
  CERTIFICATE_MODE,
  type CertificateSpec,
  etcdCa,
  etcdClientCertificateOf,
  KEY_MODE,
} from '../desired/certificates.ts';
import type { FileSpec } from '../model/file.ts';
import type { HostId } from '../model/ids.ts';
import { leafProblems, present } from './certificate-problems.ts';
import { attributeChanges, factOf, fileChanges, needed } from './compare.ts';
import { nodeOf } from './kubeadm-init.ts';
import { noParams } from './params.ts';
import { placeFiles } from './place-files.ts';
import { type Change, defineStep, type View } from './types.ts';

/**
 * What an API server needs to be a client of an external etcd: the CA's certificate, and a pair of its own. Its key is made for this machine and
 * kept nowhere else; the CA's key stays in the vault. The API server reads the files at each handshake, so that a new pair needs no restart.
 */
export const etcdClientCertificate = defineStep({
  kind: 'etcd-client-certificate',
  risk: 'safe',
  attempts: 2,
  settleMs: 0,
  parse: noParams,
  title: (_params, on) => `issue and place ${on}’s client certificate for etcd`,
  reads: (_params, on) => [{ on, fact: 'files' }, 'vault'],
  judge: (_params, view, on) => {
    const files = factOf(view, on, 'files');
    const spec = specOf(view, on);
    const verb = present(files, spec.certPath) ? 'replace' : 'issue';
    return needed([
      ...leafProblems(view, on, spec).map(({ why }) => ({ summary: `${verb} ${spec.certPath}: ${why}` })),
      ...attributeChanges(files, spec.certPath, CERTIFICATE_MODE),
      ...caChanges(view, on),
    ]);
  },
  apply: async (_params, world, view, on) => {
    const ca = await world.vault.etcdCa();
    const put: FileSpec[] = [{ path: etcdCa.certPath, content: ca.certificate, mode: CERTIFICATE_MODE }];
    const { certPath, keyPath, commonName, ekus, dns, ips } = specOf(view, on);
    if (leafProblems(view, on, specOf(view, on)).length === 0) {
      const { text } = factOf(view, on, 'files');
      put.push({ path: certPath, content: text.get(certPath) ?? '', mode: CERTIFICATE_MODE });
    } else {
      const { algorithm, leafValidity } = view.desired.config.spec.pki;
      const validitySeconds = goDurationSeconds(leafValidity);
      const leaf = await world.pki.issue({ commonName, ekus, dns, ips, algorithm, validitySeconds }, ca);
      put.push({ path: keyPath, content: leaf.key, mode: KEY_MODE });
      put.push({ path: certPath, content: leaf.certificate, mode: CERTIFICATE_MODE });
    }
    await placeFiles(world, view, on, put);
  },
});

function specOf(view: View, on: HostId): CertificateSpec {
  return etcdClientCertificateOf(nodeOf(view, on));
}

function caChanges(view: View, on: HostId): Change[] {
  const { caCertificate } = view.desired;
  if (caCertificate === null) return [{ summary: `create ${etcdCa.certPath} (${CERTIFICATE_MODE})` }];
  const file = { path: etcdCa.certPath, content: caCertificate, mode: CERTIFICATE_MODE };
  return fileChanges(factOf(view, on, 'files'), file).map(({ summary }) => ({ summary }));
}
