import { API_SERVER_PORT } from '../desired/kubeadm-cluster.ts';
import type { Software } from '../desired/types.ts';
import type { Ports } from '../engine/types.ts';
import { createEtcdAdmin } from '../etcd/admin.ts';
import type { Machines } from '../host/machines.ts';
import { createKubeApi } from '../kube/api.ts';
import type { RunEvent } from '../model/events.ts';
import { type HostId, hostId } from '../model/ids.ts';
import { createIssuer, ephemeralClientCertificate, etcdClient, kubernetesClient } from '../pki/issuer.ts';
import type { Plan } from '../plan/types.ts';
import type { Vault } from '../ports/vault.ts';
import { createRunStore } from '../vault/run-store.ts';
import { createVault } from '../vault/vault.ts';
import type { Located } from './context.ts';
import { dialMember } from './dial-member.ts';
import { factCache } from './fact-cache.ts';
import { localKubeadm, systemClock, systemRandom } from './local.ts';
import { resolvePath } from './paths.ts';

export function openVault({ config, vaultFolder, identityFile }: Located): Vault {
  return createVault({
    folder: vaultFolder,
    cluster: config.metadata.name,
    identityFile,
    recipients: config.spec.vault.recipients,
    clock: systemClock,
  });
}

/** For one question to one member. A linearizable read waits for a quorum; etcd itself gives up after about 7 s. */
const ETCD_TIMEOUT_MS = 5_000;
const KUBE_TIMEOUT_MS = 10_000;

/** The engine's ports with the real adapters behind them. `close` ends what asks etcd; the machines stay the caller's. */
export async function openPorts(
  located: Located,
  software: Software,
  ids: readonly HostId[],
  machines: Machines,
): Promise<{ ports: Ports; close: () => void }> {
  const { folder, vaultFolder } = located;
  const clock = systemClock;
  const vault = openVault(located);
  const issuer = createIssuer({ clock });
  const etcd = createEtcdAdmin({
    dial: dialMember(ids, (host) => machines.get(host)),
    credentials: async () => {
      const ca = await vault.etcdCa();
      const { certificate, key } = await ephemeralClientCertificate(etcdClient, ca, clock);
      return { ca: ca.certificate, cert: certificate, key };
    },
    timeoutMs: ETCD_TIMEOUT_MS,
  });
  const kube = createKubeApi({
    dial: async (host, signal) => {
      const { spec } = located.config;
      const address = spec.hosts.find(({ name }) => hostId(name) === host)?.address;
      if (address === undefined) throw new Error(`${host} is not in the configuration`);
      return machines.get(host).dial(address, spec.controlPlane?.apiServerPort ?? API_SERVER_PORT, signal);
    },
    credentials: async () => {
      const { public: certificate, key: caKey } = await vault.clusterKey('kubernetes-ca');
      const made = await ephemeralClientCertificate(kubernetesClient, { certificate, key: caKey }, clock);
      return { ca: certificate, cert: made.certificate, key: made.key };
    },
    clock,
    timeoutMs: KUBE_TIMEOUT_MS,
  });
  const ports: Ports = {
    machines: new Map(ids.map((id) => [id, machines.get(id)])),
    etcd,
    kube,
    pki: {
      ...issuer,
      loadCa: ({ certificate, key }) =>
        issuer.loadCa({ certificate: resolvePath(certificate, folder), key: resolvePath(key, folder) }),
    },
    vault,
    clock,
    random: systemRandom,
    cache: factCache(vaultFolder),
    runStore: createRunStore<RunEvent, Plan>({ folder: vaultFolder }),
    bundleKubeadm: await localKubeadm(software),
  };
  return {
    ports,
    close: () => {
      etcd.close();
      kube.close();
    },
  };
}
