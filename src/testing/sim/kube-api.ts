import { KeelsonError } from '../../model/errors.ts';
import type { HostId } from '../../model/ids.ts';
import type { KubeApi, KubeCall, KubeEvicted, KubeReadiness, KubeRefused } from '../../ports/kube-api.ts';
import type { Call } from './gate.ts';
import { KUBERNETES_CA, type SimKube } from './kube.ts';
import type { KubeStore } from './kube-store.ts';
import type { SimMachine } from './machine.ts';

export interface KubeApiWorld {
  kube: SimKube;
  machines: ReadonlyMap<HostId, SimMachine>;
  /** Whether the operator's process reaches the machine. */
  reaches: (host: HostId) => boolean;
  /** The authority that the vault holds. */
  authority: () => string | undefined;
  /** One call to a port. */
  call: <T>(call: Call<T>) => Promise<T>;
  sleep: (ms: number) => Promise<void>;
  /** A write goes out. */
  writes: (host: HostId, what: string) => void;
}

/** Until a connection is given up that nobody answers. */
const GIVE_UP_MS = 5_000;
const SERVED = '/etc/kubernetes/pki/apiserver.crt';
const CHECKS = ['ping', 'log', 'etcd', 'poststarthook/rbac/bootstrap-roles', 'shutdown'];

/** The API servers of the control planes as one process of the operator reaches them. */
export function simKubeApi(world: KubeApiWorld): KubeApi {
  const { kube, machines } = world;

  function unreachable(on: HostId): never {
    throw new KeelsonError('kube.unreachable', `the API server on ${on} cannot be reached: it does not answer`, {
      host: on,
    });
  }

  async function asked<T>(what: string, { on, signal }: KubeCall, body: () => T, writes: boolean): Promise<T> {
    signal.throwIfAborted();
    // The adapter sends a write a second time only where that changes nothing.
    let done: { answer: T } | null = null;
    try {
      return await world.call<T>({
        what: `kube ${what}`,
        host: on,
        effect: () => {
          done ??= { answer: body() };
          return done.answer;
        },
        onLost: () => unreachable(on),
        onIssue: () => {
          if (writes) world.writes(on, what);
        },
      });
    } catch (error) {
      if (error instanceof KeelsonError && error.code === 'kube.unreachable') await world.sleep(GIVE_UP_MS);
      throw error;
    }
  }

  /** Who listens on the port; rejects where nobody does. */
  function serverOn(on: HostId): 'without-etcd' | KubeStore {
    const machine = machines.get(on);
    if (machine === undefined || !machine.up || !world.reaches(on)) unreachable(on);
    const server = kube.server(on);
    if (server.is === 'down')
      throw new KeelsonError('kube.not-listening', `nothing accepts connections on the API server's port of ${on}`, {
        host: on,
      });
    const authority = world.authority();
    if (authority === undefined || machine.files.get(KUBERNETES_CA)?.content !== authority)
      throw new KeelsonError('kube.tls', `no trusted connection to the API server on ${on}`, { host: on });
    return server.is === 'without-etcd' ? server.is : server.store;
  }

  function verb<T>(
    what: string,
    call: KubeCall,
    body: (store: KubeStore) => T,
    writes = true,
  ): Promise<T | KubeRefused> {
    return asked(
      what,
      call,
      (): T | KubeRefused => {
        const store = serverOn(call.on);
        return store === 'without-etcd' ? withoutEtcd() : body(store);
      },
      writes,
    );
  }

  return {
    get: (call, ref) => verb(`get ${ref.kind} ${ref.name}`, call, (store) => store.get(ref), false),
    list: (call, kind, query) => verb(`list ${kind.kind}`, call, (store) => store.list(kind, query), false),
    apply: (call, object, options) =>
      verb(`apply ${object.kind} ${object.metadata.name}`, call, (store) => store.apply(object, options)),
    mergePatch: (call, ref, patch) =>
      verb(`patch ${ref.kind} ${ref.name}`, call, (store) => store.mergePatch(ref, patch)),
    create: (call, object) => verb(`create ${object.kind}`, call, (store) => store.create(object)),
    remove: (call, ref, options) => verb(`remove ${ref.kind}`, call, (store) => store.remove(ref, options)),
    evict: (call, { namespace, name }, { uid } = {}) =>
      verb(`evict ${name}`, call, (store): KubeEvicted => {
        const removed = store.remove(
          { apiVersion: 'v1', kind: 'Pod', namespace, name },
          uid === undefined ? {} : { uid },
        );
        return removed.is === 'unknown-kind' ? { is: 'absent' } : removed.is === 'ok' ? { is: 'ok' } : removed;
      }),
    podLog: (call, { namespace, name }) =>
      verb(
        `log ${name}`,
        call,
        (store) => {
          const pod = store.find({ apiVersion: 'v1', kind: 'Pod', namespace, name });
          return pod === undefined ? ({ is: 'absent' } as const) : ({ is: 'ok', text: '' } as const);
        },
        false,
      ),
    servedCertificate: (call) =>
      asked(
        'certificate',
        call,
        () => {
          serverOn(call.on);
          return machines.get(call.on)?.files.get(SERVED)?.content ?? '';
        },
        false,
      ),
    readyz: (call) => asked('readyz', call, () => readiness(serverOn(call.on) !== 'without-etcd'), false),
    version: (call) =>
      asked(
        'version',
        call,
        () => {
          serverOn(call.on);
          const version = machines.get(call.on)?.program('kubeadm')?.version.replace(/^v/, '') ?? '1.36.3';
          const [major = '', minor = ''] = version.split('.');
          return { is: 'ok', gitVersion: `v${version}`, major, minor };
        },
        false,
      ),
  };
}

function readiness(ready: boolean): KubeReadiness {
  if (ready) return { is: 'ok', ready, status: 200, failing: [], passing: CHECKS };
  const failing = [{ name: 'etcd', said: 'reason withheld' }];
  return { is: 'ok', ready, status: 500, failing, passing: CHECKS.filter((name) => name !== 'etcd') };
}

function withoutEtcd(): KubeRefused {
  return { is: 'refused', status: 500, reason: 'InternalError', message: 'etcdserver: request timed out' };
}
