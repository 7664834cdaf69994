import type { KubeKind } from '../model/kube-object.ts';
import type { KubeCall, KubeRefused, KubeUnknownKind } from '../ports/kube-api.ts';
import { isRecord, jsonOf, refused } from './answers.ts';
import type { Answer, Ask } from './link.ts';
import { knownResource, type Resource, versionPath } from './resources.ts';

export type Resolved = { is: 'ok'; resource: Resource } | KubeUnknownKind | KubeRefused;

export interface Kinds {
  /** The kind's place in the API; asks the server once for what is not in the table. */
  readonly resolve: (call: KubeCall, kind: KubeKind) => Promise<Resolved>;
  /** The server does not serve it after all: a CustomResourceDefinition was removed. */
  readonly forget: (kind: KubeKind) => void;
}

const DISCOVERY_BYTES = 4 * 1024 * 1024;

/** `ask` rejects as the port does. What one control plane serves the others do too: kinds are the cluster's. */
export function createKinds(ask: (call: KubeCall, request: Ask) => Promise<Answer>): Kinds {
  const found = new Map<string, Resource>();

  return {
    resolve: async (call, kind) => {
      const known = knownResource(kind) ?? found.get(keyOf(kind));
      if (known !== undefined) return { is: 'ok', resource: known };
      const path = versionPath(kind.apiVersion);
      const answer = await ask(call, { method: 'GET', path, maxBytes: DISCOVERY_BYTES });
      if (answer.status === 404) return unknownKind(kind);
      if (answer.status !== 200) return refused(answer);
      for (const [name, resource] of served(answer)) found.set(keyOf({ ...kind, kind: name }), resource);
      const resource = found.get(keyOf(kind));
      return resource === undefined ? unknownKind(kind) : { is: 'ok', resource };
    },
    forget: (kind) => {
      found.delete(keyOf(kind));
    },
  };
}

function keyOf({ apiVersion, kind }: KubeKind): string {
  return `${apiVersion} ${kind}`;
}

export function unknownKind({ apiVersion, kind }: KubeKind): KubeUnknownKind {
  return { is: 'unknown-kind', message: `the API server does not serve ${kind} of ${apiVersion}` };
}

/** An APIResourceList. Subresources stand among the others as `pods/log`, with kinds of their own. */
function served(answer: Answer): [kind: string, resource: Resource][] {
  const list = jsonOf(answer.text)?.resources;
  if (!Array.isArray(list)) return [];
  return list.filter(isRecord).flatMap(({ name, kind, namespaced }) => {
    if (typeof name !== 'string' || typeof kind !== 'string' || name.includes('/')) return [];
    return [[kind, { plural: name, namespaced: namespaced === true }]];
  });
}
