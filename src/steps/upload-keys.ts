import { etcdCa } from '../desired/certificates.ts';
import type { Desired } from '../desired/types.ts';
import { KeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import type { KubeObject } from '../model/kube-object.ts';
import { Secret } from '../model/secret.ts';
import { clusterKeyNames } from '../ports/vault.ts';
import type { World } from '../ports/world.ts';
import type { BootstrapToken } from './bootstrap-token.ts';

const NAMESPACE = 'kube-system';
const NAME = 'kubeadm-certs';
const RBAC = 'rbac.authorization.k8s.io';

/** kubeadm's names within the Secret. */
const FILES = {
  'kubernetes-ca': { public: 'ca.crt', key: 'ca.key' },
  'front-proxy-ca': { public: 'front-proxy-ca.crt', key: 'front-proxy-ca.key' },
  'service-account': { public: 'sa.pub', key: 'sa.key' },
} as const;

/**
 * The keys that a further control plane needs, as `kubeadm init phase upload-certs` would put them into the cluster: encrypted with a key that
 * only the joining machine is given, readable by those who hold the token, and gone with it. Gives that certificate key.
 */
export async function uploadKeys(
  world: World,
  desired: Desired,
  through: HostId,
  token: BootstrapToken,
): Promise<string> {
  const certificateKey = world.random.hex(32);
  const key = new Secret(certificateKey);
  const data: Record<string, string> = {};
  for (const name of clusterKeyNames) {
    const pair = await world.vault.clusterKey(name);
    data[FILES[name].public] = world.pki.encryptForUpload(pair.public, key);
    data[FILES[name].key] = world.pki.encryptForUpload(pair.key, key);
  }
  const ca = await world.vault.etcdCa();
  if (desired.config.spec.etcd.topology === 'stacked') {
    data['etcd-ca.crt'] = world.pki.encryptForUpload(ca.certificate, key);
    data['etcd-ca.key'] = world.pki.encryptForUpload(ca.key, key);
  } else {
    throw new KeelsonError('internal', `with an external etcd ${etcdCa.certPath} is placed, not uploaded`);
  }
  for (const object of objects(data, token)) {
    const applied = await world.kube.apply({ on: through, signal: world.signal }, object, { force: true });
    if (applied.is === 'ok') continue;
    throw new KeelsonError('kube.refused', `${object.kind} ${object.metadata.name}: ${applied.message}`, {
      host: through,
    });
  }
  return certificateKey;
}

function objects(data: Readonly<Record<string, string>>, token: BootstrapToken): KubeObject[] {
  const role = `kubeadm:${NAME}`;
  return [
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'Role',
      metadata: { name: role, namespace: NAMESPACE },
      rules: [{ apiGroups: [''], resources: ['secrets'], resourceNames: [NAME], verbs: ['get'] }],
    },
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'RoleBinding',
      metadata: { name: role, namespace: NAMESPACE },
      roleRef: { apiGroup: RBAC, kind: 'Role', name: role },
      subjects: [{ kind: 'Group', apiGroup: RBAC, name: 'system:bootstrappers:kubeadm:default-node-token' }],
    },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: NAME,
        namespace: NAMESPACE,
        // The server removes it with the token.
        ownerReferences: [
          {
            apiVersion: 'v1',
            kind: 'Secret',
            name: token.name,
            uid: token.uid,
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
      },
      data,
    },
  ];
}
