import { goDurationSeconds } from '../config/duration.ts';
import { CERTIFICATE_MODE, etcdCa, KEY_MODE } from '../desired/certificates.ts';
import { type ClusterKeyFile, clusterKeyFiles } from '../desired/cluster-keys.ts';
import type { FilesFact } from '../facts/types.ts';
import type { FileSpec } from '../model/file.ts';
import { publicKeySha256 } from '../model/x509.ts';
import { attributeChanges, factOf, fileChanges, needed } from './compare.ts';
import { noParams } from './params.ts';
import { placeFiles } from './place-files.ts';
import { type Change, defineStep, type View } from './types.ts';

/** Makes what all control planes share: kubeadm takes what it finds, so that an init that is repeated keeps the same authority. */
export const clusterKeys = defineStep({
  kind: 'cluster-keys',
  risk: 'safe',
  attempts: 1,
  settleMs: 0,
  parse: noParams,
  title: () => 'make the Kubernetes cluster’s authorities and the service accounts’ key in the vault',
  reads: () => ['vault'],
  judge: (_params, { desired }) => {
    const { algorithm, caValidity } = desired.config.spec.pki;
    return needed(
      clusterKeyFiles
        .filter(({ name }) => !desired.clusterKeys.has(name))
        .map(({ name, commonName }) => ({
          summary:
            commonName === null
              ? `create the key pair ${name} (${algorithm}), its private half sealed`
              : `create CA ${commonName} (${algorithm}, valid for ${caValidity}), its key sealed`,
        })),
    );
  },
  apply: async (_params, world, { desired }) => {
    const { algorithm, caValidity } = desired.config.spec.pki;
    for (const { name, commonName } of clusterKeyFiles) {
      if (desired.clusterKeys.has(name)) continue;
      if (commonName === null) {
        await world.vault.storeClusterKey(name, await world.pki.createKeyPair(algorithm));
        continue;
      }
      const ca = await world.pki.createCa({ commonName, algorithm, validitySeconds: goDurationSeconds(caValidity) });
      await world.vault.storeClusterKey(name, { public: ca.certificate, key: ca.key });
    }
  },
});

/**
 * Places those keys on a control plane before kubeadm runs there: on the first one always, on the others when they are not to come through
 * the cluster. With a stacked etcd its authority is among them. What kubeadm has brought is left alone, because it is the same.
 */
export const controlPlaneKeys = defineStep({
  kind: 'control-plane-keys',
  risk: 'safe',
  attempts: 2,
  settleMs: 0,
  parse: noParams,
  title: (_params, on) => `place the control plane’s shared keys on ${on}`,
  reads: (_params, on) => [{ on, fact: 'files' }, 'vault'],
  judge: (_params, view, on) => {
    const files = factOf(view, on, 'files');
    return needed(placed(view).flatMap((pair) => pairChanges(files, pair)));
  },
  apply: async (_params, world, view, on) => {
    const put: FileSpec[] = [];
    for (const pair of placed(view)) {
      const { public: half, key } =
        pair.name === 'etcd-ca' ? await etcdPair(world.vault) : await world.vault.clusterKey(pair.name);
      put.push({ path: pair.public, content: half, mode: CERTIFICATE_MODE });
      put.push({ path: pair.key, content: key, mode: KEY_MODE });
    }
    await placeFiles(world, view, on, put);
  },
});

type PlacedKey = Pick<ClusterKeyFile, 'public' | 'key'> & {
  name: ClusterKeyFile['name'] | 'etcd-ca';
  /** The public half in PEM; null until the vault has it. */
  half: string | null;
};

function placed({ desired }: View): PlacedKey[] {
  const shared = clusterKeyFiles.map(({ name, public: path, key }) => ({
    name,
    public: path,
    key,
    half: desired.clusterKeys.get(name) ?? null,
  }));
  if (desired.config.spec.etcd.topology !== 'stacked') return shared;
  return [...shared, { name: 'etcd-ca', public: etcdCa.certPath, key: etcdCa.keyPath, half: desired.caCertificate }];
}

async function etcdPair(vault: { etcdCa: () => Promise<{ certificate: string; key: FileSpec['content'] }> }) {
  const { certificate, key } = await vault.etcdCa();
  return { public: certificate, key };
}

function pairChanges(files: FilesFact, { public: path, key, half }: PlacedKey): Change[] {
  const shown =
    half === null ? [{ summary: `create ${path} (${CERTIFICATE_MODE})` }] : publicChanges(files, path, half);
  const fact = files.at.get(key);
  if (fact === undefined || fact.is === 'absent') return [...shown, { summary: `create ${key} (${KEY_MODE})` }];
  const sha256 = half === null ? null : publicKeySha256(half);
  const other = sha256 === null || files.publicKeys.get(key) !== sha256;
  return [
    ...shown,
    ...(other ? [{ summary: `change ${key}: it does not belong to ${path}` }] : []),
    ...attributeChanges(files, key, KEY_MODE),
  ];
}

function publicChanges(files: FilesFact, path: string, half: string): Change[] {
  return fileChanges(files, { path, content: half, mode: CERTIFICATE_MODE }).map(({ summary }) => ({ summary }));
}
