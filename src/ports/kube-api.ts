import type { HostId } from '../model/ids.ts';
import type { KubeKind, KubeObject } from '../model/kube-object.ts';

/** Which control plane is asked, and for how long. */
export interface KubeCall {
  /** Its own API server is asked, never the load balancer: what one of them says is said of that one. */
  on: HostId;
  signal: AbortSignal;
  /** For the whole call, with the connect when there is one. The adapter's own bound when absent. */
  timeoutMs?: number;
}

/** One object. `namespace` is left out for kinds of the whole cluster; for others it is then `default`, as kubectl has it. */
export interface KubeRef extends KubeKind {
  name: string;
  namespace?: string;
}

/**
 * The server understood, and did not do it. `reason` is the API's own word (`Forbidden`, `Invalid`, `InternalError`), empty when the server
 * gave none. 5xx is among them: a server that is just starting, or has lost etcd, answers so, and then a write may still have happened.
 * `message` is for people, bounded, and without the secrets that were sent.
 */
export interface KubeRefused {
  is: 'refused';
  /** The HTTP status. */
  status: number;
  reason: string;
  message: string;
  /** When the server says how long to stay away: 429, 503. */
  retryAfterSeconds?: number;
}

/** The object is not there. */
export interface KubeAbsent {
  is: 'absent';
}

/** The server does not serve this kind: its CustomResourceDefinition is missing, or not yet established. */
export interface KubeUnknownKind {
  is: 'unknown-kind';
  message: string;
}

/** Somebody else owns the field (apply), or the object is not the one, or not in the state, that was named. */
export interface KubeConflict {
  is: 'conflict';
  message: string;
}

export type KubeGot = { is: 'ok'; object: KubeObject } | KubeAbsent | KubeUnknownKind | KubeRefused;

export interface KubeSelection {
  /** Absent: all namespaces. */
  namespace?: string;
  /** `node-role.kubernetes.io/control-plane`, `app in (a, b)`: the API's own syntax. */
  labels?: string;
  /** `spec.nodeName=worker-1`. Which fields can be selected depends on the kind. */
  fields?: string;
}

export interface KubePageQuery extends KubeSelection {
  /** At most this many objects in the answer. */
  limit: number;
  /** From the page before; with the same selection. */
  continue?: string;
}

/** `expired`: the page before is too old (etcd was compacted meanwhile, after five minutes by default). Begin again. */
export type KubePage =
  | { is: 'ok'; objects: readonly KubeObject[]; resourceVersion: string; continue: string | null }
  | { is: 'expired'; message: string }
  | KubeUnknownKind
  | KubeRefused;

/** `made`: it was not there before. */
export type KubeApplied =
  | { is: 'ok'; object: KubeObject; made: boolean }
  | KubeConflict
  | KubeUnknownKind
  | KubeRefused;

export type KubePatched = { is: 'ok'; object: KubeObject } | KubeAbsent | KubeConflict | KubeUnknownKind | KubeRefused;

export type KubeCreated =
  | { is: 'ok'; object: KubeObject }
  | { is: 'exists' }
  | KubeConflict
  | KubeUnknownKind
  | KubeRefused;

/** `pending`: the removal has begun, and finalizers or a grace period still hold the object. */
export type KubeRemoved = { is: 'ok'; pending: boolean } | KubeAbsent | KubeConflict | KubeUnknownKind | KubeRefused;

export interface KubeRemoval {
  /** Only the object with this uid; another one of the same name is a conflict. */
  uid?: string;
  /** What becomes of the objects that it owns. `Background` when absent. */
  propagation?: 'Background' | 'Foreground' | 'Orphan';
}

/** `blocked`: a PodDisruptionBudget does not allow it now; `message` is the server's, which names the budget. Ask again later. */
export type KubeEvicted =
  | { is: 'ok' }
  | { is: 'blocked'; message: string; retryAfterSeconds?: number }
  | KubeAbsent
  | KubeConflict
  | KubeRefused;

export interface KubePodRef {
  namespace: string;
  name: string;
}

export interface KubeEviction {
  /** Only the pod with this uid: one that a StatefulSet made anew under the same name is a conflict. */
  uid?: string;
  /** The pod's own when absent. */
  gracePeriodSeconds?: number;
}

export interface KubeLogQuery {
  /** May be left out when the pod has only one. */
  container?: string;
  /** The last lines, at most. */
  tailLines: number;
  /** Bytes, at most: lines have no length. 1 MiB when absent. */
  limitBytes?: number;
  /** Of the container's instance before this one. */
  previous?: boolean;
}

/** As the container wrote it, with whatever control characters it holds. One that has not started yet is `refused` with 400. */
export type KubeLog = { is: 'ok'; text: string } | KubeAbsent | KubeRefused;

export interface KubeCheck {
  /** `etcd`, `poststarthook/rbac/bootstrap-roles`. */
  name: string;
  /** What the server adds: `reason withheld`. */
  said: string;
}

/** `status` is the server's own verdict: 200 when it is ready, 500 when it is not. */
export type KubeReadiness =
  | { is: 'ok'; ready: boolean; status: number; failing: readonly KubeCheck[]; passing: readonly string[] }
  | KubeRefused;

export interface KubeVersion {
  /** With a leading v: `v1.36.3`. */
  gitVersion: string;
  major: string;
  minor: string;
}

export type KubeVersionAnswer = ({ is: 'ok' } & KubeVersion) | KubeRefused;

/**
 * The API servers of a cluster's control planes, one question at a time. What can be expected is a union; it rejects with the
 * signal's reason when that is aborted, with what the source of the credentials rejects with, and with a `KeelsonError`:
 *
 * | code | means | may a write have happened? |
 * |---|---|---|
 * | `kube.unreachable` | no way to the machine, or the connection ended before the answer came | yes |
 * | `kube.not-listening` | the machine is there, and nothing accepts connections on the API server's port | no |
 * | `kube.tls` | one side does not accept the other's certificate | no |
 * | `kube.unauthorized` | the server does not know us (401) | no |
 * | `kube.timeout` | no answer in time | yes |
 * | `kube.answer` | the answer is too large, or no JSON | yes |
 *
 * Reads and `apply` are sent a second time by the adapter when a connection that was kept turns out to have ended; other
 * writes never are. What is read is the newest state, which needs etcd's quorum.
 */
export interface KubeApi {
  readonly get: (call: KubeCall, ref: KubeRef) => Promise<KubeGot>;
  /** One page, in the order of namespace and name. `listAll` of `kube-list.ts` reads them all. */
  readonly list: (call: KubeCall, kind: KubeKind, query: KubePageQuery) => Promise<KubePage>;
  /**
   * Server-side apply under the field manager `keelson`: makes the object, or sets the fields given and takes away those that
   * keelson gave before and gives no more. `force` takes fields over from other managers instead of a conflict. A
   * namespace that is not there is `refused` with 404.
   */
  readonly apply: (call: KubeCall, object: KubeObject, options?: { force?: boolean }) => Promise<KubeApplied>;
  /**
   * A JSON merge patch (RFC 7386), for what apply cannot say: taking away a field that another manager owns (`null`), such as a cordon or a
   * taint, and changes that hold only for the state that was read (`metadata.resourceVersion`). Lists are replaced as a whole.
   * There is no strategic patch: with the resourceVersion a whole list is as safe, and it works for every kind.
   */
  readonly mergePatch: (
    call: KubeCall,
    ref: KubeRef,
    patch: Readonly<Record<string, unknown>>,
    options?: { subresource?: 'status' | 'scale' },
  ) => Promise<KubePatched>;
  /** Where it matters that nobody made it before us: a token, a lock. */
  readonly create: (call: KubeCall, object: KubeObject) => Promise<KubeCreated>;
  readonly remove: (call: KubeCall, ref: KubeRef, options?: KubeRemoval) => Promise<KubeRemoved>;
  /** By `policy/v1` Eviction, which heeds PodDisruptionBudgets. `ok` says that it is allowed and has begun, not that the pod is gone. */
  readonly evict: (call: KubeCall, pod: KubePodRef, options?: KubeEviction) => Promise<KubeEvicted>;
  readonly podLog: (call: KubeCall, pod: KubePodRef, query: KubeLogQuery) => Promise<KubeLog>;
  /** `/readyz?verbose` of this one server. */
  readonly readyz: (call: KubeCall) => Promise<KubeReadiness>;
  readonly version: (call: KubeCall) => Promise<KubeVersionAnswer>;
  /** PEM of the certificate that this one server shows, even when it is expired or another CA's. */
  readonly servedCertificate: (call: KubeCall) => Promise<string>;
}
