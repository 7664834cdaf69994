export const API_VERSION = 'keelson.dev/v1alpha1';

export type DocumentKind =
  | 'CheckReport'
  | 'Error'
  | 'HostKeys'
  | 'Init'
  | 'Kubeconfig'
  | 'LockState'
  | 'Plan'
  | 'Rendered'
  | 'Run'
  | 'RunList'
  | 'Status'
  | 'Unlocked'
  | 'Version';

export type Document = Readonly<Record<string, unknown>>;

/** What `-o json` prints. Fields are added, never renamed or removed, while the version is v1alpha1. */
export function document(kind: DocumentKind, body: object): Document {
  return { apiVersion: API_VERSION, kind, ...body };
}

export async function serialise(value: Document, format: 'json' | 'yaml'): Promise<string> {
  const json = `${JSON.stringify(value, null, 2)}\n`;
  if (format === 'json') return json;
  const { stringify } = await import('yaml');
  // Through JSON: both formats then say exactly the same, also of classes that have a toJSON.
  return stringify(JSON.parse(json), { lineWidth: 0 });
}
