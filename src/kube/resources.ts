import type { KubeKind } from '../model/kube-object.ts';

export interface Resource {
  /** In paths: `daemonsets`. */
  plural: string;
  namespaced: boolean;
}

const cluster = (plural: string): Resource => ({ plural, namespaced: false });
const namespaced = (plural: string): Resource => ({ plural, namespaced: true });

/** What clusters are made of, so that no question must be asked before the question. Other kinds are found by discovery. */
const resources: Readonly<Record<string, Readonly<Record<string, Resource>>>> = {
  v1: {
    ConfigMap: namespaced('configmaps'),
    Endpoints: namespaced('endpoints'),
    Event: namespaced('events'),
    Namespace: cluster('namespaces'),
    Node: cluster('nodes'),
    PersistentVolume: cluster('persistentvolumes'),
    PersistentVolumeClaim: namespaced('persistentvolumeclaims'),
    Pod: namespaced('pods'),
    Secret: namespaced('secrets'),
    Service: namespaced('services'),
    ServiceAccount: namespaced('serviceaccounts'),
  },
  'apiextensions.k8s.io/v1': { CustomResourceDefinition: cluster('customresourcedefinitions') },
  'apps/v1': {
    DaemonSet: namespaced('daemonsets'),
    Deployment: namespaced('deployments'),
    ReplicaSet: namespaced('replicasets'),
    StatefulSet: namespaced('statefulsets'),
  },
  'batch/v1': { CronJob: namespaced('cronjobs'), Job: namespaced('jobs') },
  'certificates.k8s.io/v1': { CertificateSigningRequest: cluster('certificatesigningrequests') },
  'coordination.k8s.io/v1': { Lease: namespaced('leases') },
  'discovery.k8s.io/v1': { EndpointSlice: namespaced('endpointslices') },
  'networking.k8s.io/v1': { NetworkPolicy: namespaced('networkpolicies') },
  'policy/v1': { PodDisruptionBudget: namespaced('poddisruptionbudgets') },
  'rbac.authorization.k8s.io/v1': {
    ClusterRole: cluster('clusterroles'),
    ClusterRoleBinding: cluster('clusterrolebindings'),
    Role: namespaced('roles'),
    RoleBinding: namespaced('rolebindings'),
  },
  'scheduling.k8s.io/v1': { PriorityClass: cluster('priorityclasses') },
};

export function knownResource({ apiVersion, kind }: KubeKind): Resource | undefined {
  const version = Object.hasOwn(resources, apiVersion) ? resources[apiVersion] : undefined;
  return version !== undefined && Object.hasOwn(version, kind) ? version[kind] : undefined;
}

/** `/api/v1` of the core group, `/apis/apps/v1` of any other. */
export function versionPath(apiVersion: string): string {
  const parts = apiVersion.split('/');
  if (parts.length > 2) throw new Error(`${JSON.stringify(apiVersion)} is no apiVersion`);
  return `${parts.length === 1 ? '/api' : '/apis'}/${parts.map(segment).join('/')}`;
}

/** Of all objects of a kind; `namespace` is left out where the kind has none, or all are meant. */
export function collectionPath(apiVersion: string, resource: Resource, namespace: string | undefined): string {
  const within = !resource.namespaced || namespace === undefined ? '' : `/namespaces/${segment(namespace)}`;
  return `${versionPath(apiVersion)}${within}/${segment(resource.plural)}`;
}

export function objectPath(
  apiVersion: string,
  resource: Resource,
  { namespace = 'default', name }: { namespace?: string | undefined; name: string },
): string {
  return `${collectionPath(apiVersion, resource, namespace)}/${segment(name)}`;
}

/** An empty name would ask for all objects, and dots for others. */
function segment(name: string): string {
  if (name === '' || name === '.' || name === '..') throw new Error(`${JSON.stringify(name)} is no name of an object`);
  return encodeURIComponent(name);
}

export function queryOf(parameters: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  if (given.length === 0) return '';
  return `?${given.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&')}`;
}
