/** Of an object's metadata what keelson looks at; everything else that was there is kept as it came. */
export interface KubeMetadata {
  name: string;
  /** Absent for what belongs to the whole cluster, such as nodes. */
  namespace?: string;
  labels?: Readonly<Record<string, string>>;
  annotations?: Readonly<Record<string, string>>;
  /** Another one after the object was removed and made again under the same name. */
  uid?: string;
  /** Opaque; in a patch it is a condition: refused as a conflict when the object has changed since. */
  resourceVersion?: string;
  /** RFC 3339, UTC. There from the moment that the removal was asked for until the object is gone. */
  deletionTimestamp?: string;
  ownerReferences?: readonly KubeOwner[];
  [field: string]: unknown;
}

export interface KubeOwner {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  /** True for the one that manages it: a pod's DaemonSet. */
  controller?: boolean;
  [field: string]: unknown;
}

/** What the API calls a type. `apiVersion` is `v1` for the core group, else `group/version`. */
export interface KubeKind {
  apiVersion: string;
  kind: string;
}

/**
 * Any object of the Kubernetes API, as plain JSON values. In what is sent a `Secret` may stand for a text anywhere: it is made
 * readable when it leaves the program, and not before. Answers hold plain text, those about Secrets too.
 */
export interface KubeObject extends KubeKind {
  metadata: KubeMetadata;
  [field: string]: unknown;
}
