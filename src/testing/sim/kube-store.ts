import type { KubeObject } from '../../model/kube-object.ts';
import { Secret } from '../../model/secret.ts';
import type {
  KubeApplied,
  KubeCreated,
  KubeGot,
  KubePage,
  KubePageQuery,
  KubePatched,
  KubeRef,
  KubeRemoval,
  KubeRemoved,
} from '../../ports/kube-api.ts';
import { matches } from './kube-selector.ts';

type Json = Readonly<Record<string, unknown>>;
interface Stored {
  object: KubeObject;
  /** Who has set each field: of a list as a whole. */
  owners: ReadonlyMap<string, ReadonlySet<string>>;
}

const APPLY = 'keelson, by apply';
const UPDATE = 'keelson, by update';
/** Groups whose kinds every API server has. */
const BUILT_IN = /^(?:v1|(?:apps|batch|policy|autoscaling)\/v\d\S*|\S+\.k8s\.io\/v\d\S*)$/;
const OF_THE_CLUSTER: ReadonlySet<string> = new Set([
  'Namespace',
  'Node',
  'ClusterRole',
  'ClusterRoleBinding',
  'CustomResourceDefinition',
  'PriorityClass',
  'StorageClass',
  'CSIDriver',
  'IngressClass',
]);

/** What an API server keeps in etcd, and its rules for changing it. Objects are never changed in place. */
export class KubeStore {
  readonly #objects = new Map<string, Stored>();
  #revision = 1;

  constructor() {
    for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease'])
      this.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, 'the server');
  }

  copy(): KubeStore {
    const twin = new KubeStore();
    twin.#objects.clear();
    for (const [key, stored] of this.#objects) twin.#objects.set(key, stored);
    twin.#revision = this.#revision;
    return twin;
  }

  /** Changes with every write. */
  get revision(): number {
    return this.#revision;
  }

  find(ref: KubeRef): KubeObject | undefined {
    return this.#objects.get(keyOf(ref))?.object;
  }

  all(kind: string): KubeObject[] {
    return [...this.#objects.values()].map(({ object }) => object).filter((object) => object.kind === kind);
  }

  /** What somebody else in the cluster writes: made, or changed as a whole. */
  put(object: KubeObject, by: string): KubeObject {
    const ref = refOf(object);
    const old = this.#objects.get(keyOf(ref));
    if (old !== undefined && same(old.object, { ...object, metadata: { ...old.object.metadata, ...object.metadata } }))
      return old.object;
    const owners = new Map(old?.owners);
    for (const path of leaves(object))
      if (old === undefined || !same(at(old.object, path), at(object, path)))
        owners.set(path, new Set([...(owners.get(path) ?? []), by]));
    return this.#keep(object, owners, old?.object);
  }

  get(ref: KubeRef): KubeGot {
    if (!this.#serves(ref)) return unknownKind(ref);
    const object = this.find(ref);
    return object === undefined ? { is: 'absent' } : { is: 'ok', object };
  }

  list({ apiVersion, kind }: { apiVersion: string; kind: string }, query: KubePageQuery): KubePage {
    if (!this.#serves({ apiVersion, kind })) return unknownKind({ apiVersion, kind });
    const begin = Number(query.continue ?? 0);
    const found = [...this.#objects]
      .filter(([, { object }]) => object.apiVersion === apiVersion && object.kind === kind && matches(object, query))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { object }]) => object);
    const end = begin + query.limit;
    return {
      is: 'ok',
      objects: found.slice(begin, end),
      resourceVersion: String(this.#revision),
      continue: end < found.length ? String(end) : null,
    };
  }

  create(sent: KubeObject): KubeCreated {
    const object = asKept(sent);
    if (!this.#serves(object)) return unknownKind(object);
    if (this.find(refOf(object)) !== undefined) return { is: 'exists' };
    const missing = this.#namespaceMissing(object);
    if (missing !== null) return missing;
    return { is: 'ok', object: this.put(object, UPDATE) };
  }

  apply(sent: KubeObject, { force = false }: { force?: boolean } = {}): KubeApplied {
    const wanted = asKept(sent);
    if (!this.#serves(wanted)) return unknownKind(wanted);
    const missing = this.#namespaceMissing(wanted);
    if (missing !== null) return missing;
    const old = this.#objects.get(keyOf(refOf(wanted)));
    const owners = new Map(old?.owners);
    const given = new Map([...leaves(wanted)].map((path) => [path, at(wanted, path)]));
    let object: Json = old?.object ?? { apiVersion: wanted.apiVersion, kind: wanted.kind, metadata: wanted.metadata };
    for (const [path, by] of owners) {
      if (!by.has(APPLY) || given.has(path)) continue;
      const others = new Set([...by].filter((who) => who !== APPLY));
      if (others.size > 0) {
        owners.set(path, others);
        continue;
      }
      owners.delete(path);
      object = without(object, path.split(SEPARATOR));
    }
    for (const [path, value] of given) {
      // An empty map says nothing of what others have in it.
      if (isMap(value) && isMap(at(object, path))) continue;
      const by = owners.get(path) ?? new Set();
      const others = [...by].filter((who) => who !== APPLY);
      const changes = !same(at(object, path), value);
      if (changes && others.length > 0 && !force)
        return { is: 'conflict', message: `conflict with ${others.join(', ')}: .${path.split(SEPARATOR).join('.')}` };
      owners.set(path, new Set([APPLY, ...(changes ? [] : others)]));
      object = set(object, path.split(SEPARATOR), value);
    }
    if (old !== undefined && same(object, old.object)) {
      this.#objects.set(keyOf(refOf(wanted)), { object: old.object, owners });
      return { is: 'ok', object: old.object, made: false };
    }
    return { is: 'ok', object: this.#keep(object as KubeObject, owners, old?.object), made: old === undefined };
  }

  mergePatch(ref: KubeRef, sent: Json): KubePatched {
    if (!this.#serves(ref)) return unknownKind(ref);
    const old = this.#objects.get(keyOf(ref));
    if (old === undefined) return { is: 'absent' };
    const patch = plain(sent) as Json;
    const seen = (patch.metadata as { resourceVersion?: string } | undefined)?.resourceVersion;
    if (seen !== undefined && seen !== old.object.metadata.resourceVersion)
      return {
        is: 'conflict',
        message: 'the object has been modified; please apply your changes to the latest version',
      };
    const object = merged(old.object, patch) as KubeObject;
    if (same(object, old.object)) return { is: 'ok', object: old.object };
    const owners = new Map<string, ReadonlySet<string>>();
    for (const path of leaves(object)) {
      const changed = !same(at(object, path), at(old.object, path));
      owners.set(path, changed ? new Set([UPDATE]) : (old.owners.get(path) ?? new Set([UPDATE])));
    }
    return { is: 'ok', object: this.#keep(object, owners, old.object) };
  }

  remove(ref: KubeRef, { uid, propagation = 'Background' }: KubeRemoval = {}): KubeRemoved {
    if (!this.#serves(ref)) return unknownKind(ref);
    const old = this.find(ref);
    if (old === undefined) return { is: 'absent' };
    if (uid !== undefined && uid !== old.metadata.uid)
      return { is: 'conflict', message: `the UID in the precondition (${uid}) is not that of the object` };
    this.#drop(ref, propagation !== 'Orphan');
    return { is: 'ok', pending: false };
  }

  #drop(ref: KubeRef, withOwned: boolean): void {
    const gone = this.find(ref);
    this.#objects.delete(keyOf(ref));
    this.#revision += 1;
    if (gone === undefined || !withOwned) return;
    for (const { object } of this.#objects.values()) {
      const owners = object.metadata.ownerReferences ?? [];
      if (owners.length > 0 && owners.every((owner) => owner.uid === gone.metadata.uid))
        this.#drop(refOf(object), true);
    }
  }

  #keep(object: KubeObject, owners: ReadonlyMap<string, ReadonlySet<string>>, old: KubeObject | undefined): KubeObject {
    this.#revision += 1;
    const kept: KubeObject = {
      ...object,
      metadata: {
        ...object.metadata,
        uid: old?.metadata.uid ?? `uid-${this.#revision}`,
        resourceVersion: String(this.#revision),
      },
    };
    this.#objects.set(keyOf(refOf(kept)), { object: kept, owners });
    return kept;
  }

  #serves({ apiVersion, kind }: { apiVersion: string; kind: string }): boolean {
    if (BUILT_IN.test(apiVersion)) return true;
    return this.all('CustomResourceDefinition').some((definition) => {
      const spec = definition.spec as { group?: string; names?: { kind?: string } } | undefined;
      return spec?.names?.kind === kind && apiVersion.startsWith(`${spec.group}/`);
    });
  }

  #namespaceMissing({ kind, metadata: { namespace = 'default' } }: KubeObject) {
    if (OF_THE_CLUSTER.has(kind)) return null;
    if (this.find({ apiVersion: 'v1', kind: 'Namespace', name: namespace }) !== undefined) return null;
    const message = `namespaces "${namespace}" not found`;
    return { is: 'refused', status: 404, reason: 'NotFound', message } as const;
  }
}

function keyOf({ apiVersion, kind, name, namespace = 'default' }: KubeRef): string {
  return `${apiVersion} ${kind} ${OF_THE_CLUSTER.has(kind) ? '' : namespace}/${name}`;
}

function refOf({ apiVersion, kind, metadata: { name, namespace } }: KubeObject): KubeRef {
  return { apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }) };
}

function unknownKind({ apiVersion, kind }: { apiVersion: string; kind: string }) {
  return { is: 'unknown-kind', message: `no matches for kind "${kind}" in version "${apiVersion}"` } as const;
}

/** A Secret's `stringData` is kept as `data`. */
function asKept(sent: KubeObject): KubeObject {
  const { stringData, ...object } = plain(sent) as KubeObject & { stringData?: Readonly<Record<string, string>> };
  if (object.kind !== 'Secret' || stringData === undefined) return object as KubeObject;
  const encoded = Object.entries(stringData).map(([name, text]) => [name, Buffer.from(text).toString('base64')]);
  return { ...object, data: { ...(object.data as Json | undefined), ...Object.fromEntries(encoded) } } as KubeObject;
}

function plain(value: unknown): unknown {
  if (value instanceof Secret) return Secret.valueOf(value);
  if (Array.isArray(value)) return value.map(plain);
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]) => (inner === undefined ? [] : [[name, plain(inner)]])),
  );
}

/** No field of the API has such a character in its name. */
const SEPARATOR = '\u0000';
const NOT_OWNED = /^(?:apiVersion|kind|metadata\u0000(?:name|namespace|uid|resourceVersion))$/;

function* leaves(value: Json, path = ''): Generator<string> {
  for (const [name, inner] of Object.entries(value)) {
    const own = path === '' ? name : `${path}${SEPARATOR}${name}`;
    if (NOT_OWNED.test(own)) continue;
    if (isMap(inner) && Object.keys(inner).length > 0) yield* leaves(inner, own);
    else yield own;
  }
}

function at(value: unknown, path: string): unknown {
  let found = value;
  for (const name of path.split(SEPARATOR)) found = isMap(found) ? found[name] : undefined;
  return found;
}

function set(value: Json, [name = '', ...rest]: readonly string[], leaf: unknown): Json {
  const inner = value[name];
  return { ...value, [name]: rest.length === 0 ? leaf : set(isMap(inner) ? inner : {}, rest, leaf) };
}

function without(value: Json, [name = '', ...rest]: readonly string[]): Json {
  const { [name]: inner, ...others } = value;
  return rest.length === 0 || !isMap(inner) ? others : { ...value, [name]: without(inner, rest) };
}

/** RFC 7386. */
function merged(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch;
  const result: Record<string, unknown> = isMap(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = merged(result[name], value);
  }
  return result;
}

function isMap(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, n) => same(item, b[n]));
  if (!isMap(a) || !isMap(b)) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => name in b && same(a[name], b[name]));
}
