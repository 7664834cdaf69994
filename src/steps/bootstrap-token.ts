import { KeelsonError } from '../model/errors.ts';
import type { HostId } from '../model/ids.ts';
import { Secret } from '../model/secret.ts';
import type { World } from '../ports/world.ts';

export interface BootstrapToken {
  /** `abcdef.0123456789abcdef`. */
  token: string;
  /** Its secret half. */
  secret: string;
  /** The Secret that holds it. */
  name: string;
  uid: string;
}

/** Longer than a join takes, with all its waits. */
const LIFE_MS = 30 * 60_000;

/**
 * Makes a bootstrap token, gives it to `use`, and takes it away again however that ends; one that a killed run has left dies by itself.
 * Source: "Authenticating with Bootstrap Tokens"; the group is the one that may fetch kubeadm's Secrets.
 */
export async function withBootstrapToken(
  world: World,
  through: HostId,
  purpose: string,
  use: (token: BootstrapToken) => Promise<void>,
): Promise<void> {
  const id = world.random.hex(3);
  const secret = world.random.hex(8);
  const ref = { apiVersion: 'v1', kind: 'Secret', namespace: 'kube-system', name: `bootstrap-token-${id}` };
  const call = { on: through, signal: world.signal };
  const made = await world.kube.create(call, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: ref.name, namespace: ref.namespace },
    type: 'bootstrap.kubernetes.io/token',
    stringData: {
      'token-id': id,
      'token-secret': new Secret(secret),
      expiration: new Date(world.clock.now().getTime() + LIFE_MS).toISOString(),
      'usage-bootstrap-authentication': 'true',
      'usage-bootstrap-signing': 'true',
      'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
      description: purpose,
    },
  });
  if (made.is !== 'ok') {
    const why = 'message' in made ? made.message : made.is;
    throw new KeelsonError('kube.refused', `the API server of ${through} takes no bootstrap token: ${why}`, {
      host: through,
    });
  }
  try {
    await use({ token: `${id}.${secret}`, secret, name: ref.name, uid: made.object.metadata.uid ?? '' });
  } finally {
    // It dies by itself within half an hour.
    await world.kube.remove({ ...call, signal: new AbortController().signal }, ref).catch(() => undefined);
  }
}
