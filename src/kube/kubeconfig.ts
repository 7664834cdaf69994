import { Buffer } from 'node:buffer';
import { isMap, isSeq, parseDocument, stringify, type YAMLMap, type Document as YamlDocument } from 'yaml';
import { KeelsonError } from '../model/errors.ts';
import { reveal } from '../model/reveal.ts';
import type { Secret } from '../model/secret.ts';
import { chainsTo, tryParseCertificate } from '../model/x509.ts';
import { readIfThere, replaceFile, withLockFile } from './kubeconfig-file.ts';

/** One user of one cluster. The names are those of the entries. */
export interface KubeconfigEntry {
  cluster: string;
  /** Of the user's entry and of the context. */
  context: string;
  /** `https://HOST:PORT`. */
  server: string;
  /** PEM. */
  ca: string;
  certificate: string;
  key: Secret;
}

/** A kubeconfig of this entry alone goes to whoever is to have it. */
export function printKubeconfig(entry: KubeconfigEntry, write: (text: string) => void): void {
  write(textOf(entry));
}

/** The same in a file, for this user alone. A file that holds anything else than this cluster is left as it is: `kubeconfig.taken`. */
export async function writeKubeconfig(path: string, entry: KubeconfigEntry): Promise<void> {
  await withLockFile(path, async () => {
    const old = await readIfThere(path);
    if (old !== null && old.trim() !== '') {
      const document = parsed(old, path);
      const others = ['clusters', 'users', 'contexts'].flatMap((list) => namesIn(document, list));
      const foreign = others.find((name) => name !== entry.cluster && !name.endsWith(`@${entry.cluster}`));
      if (foreign !== undefined) throw taken(path, `it also holds ${foreign}`, 'Name another file, or give --merge.');
      checkEntries(document, entry, path);
    }
    await replaceFile(path, textOf(entry));
  });
}

/**
 * Puts the entry into a kubeconfig beside what it holds, whose text is kept as far as YAML allows. An entry of that name is replaced when it is of
 * the same cluster (the same CA); else nothing is written: `kubeconfig.taken`. Tells whether the context is the current one afterwards.
 */
export async function mergeKubeconfig(
  path: string,
  entry: KubeconfigEntry,
  use: boolean,
): Promise<{ isCurrent: boolean }> {
  return withLockFile(path, async () => {
    const old = (await readIfThere(path)) ?? '';
    if (old.trim() === '') {
      await replaceFile(path, textOf(entry));
      return { isCurrent: true };
    }
    const document = parsed(old, path);
    checkEntries(document, entry, path);
    const wanted = entriesOf(entry);
    put(document, 'clusters', entry.cluster, 'cluster', wanted.cluster);
    put(document, 'users', entry.context, 'user', wanted.user);
    put(document, 'contexts', entry.context, 'context', wanted.context);
    const current = document.get('current-context');
    const isCurrent = use || typeof current !== 'string' || current === '';
    if (isCurrent) document.set('current-context', entry.context);
    await replaceFile(path, document.toString({ lineWidth: 0, indentSeq: /^[a-z]+:[ \t]*\n[ \t]+- /m.test(old) }));
    return { isCurrent: isCurrent || current === entry.context };
  });
}

function entriesOf({ cluster, context, server, ca, certificate, key }: KubeconfigEntry) {
  return {
    cluster: { 'certificate-authority-data': base64(ca), server },
    user: { 'client-certificate-data': base64(certificate), 'client-key-data': base64(reveal(key)) },
    context: { cluster, user: context },
  };
}

function textOf(entry: KubeconfigEntry): string {
  const { cluster, user, context } = entriesOf(entry);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: entry.cluster, cluster }],
    contexts: [{ name: entry.context, context }],
    'current-context': entry.context,
    users: [{ name: entry.context, user }],
  };
  return stringify(config, { lineWidth: 0, indentSeq: false });
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function parsed(text: string, path: string): YamlDocument {
  const document = parseDocument(text);
  const why =
    document.errors.length > 0
      ? 'it is not YAML'
      : isMap(document.contents) && (document.get('kind') ?? 'Config') === 'Config'
        ? null
        : 'it is not of kind Config';
  if (why === null) return document;
  // The parser's own message shows the line, which may be a key.
  throw new KeelsonError('kubeconfig.unreadable', `${path} is no kubeconfig: ${why}`, { where: path });
}

/** Whether what has these names already is of this cluster. What cannot be told is not. */
function checkEntries(document: YamlDocument, entry: KubeconfigEntry, path: string): void {
  const remove = (what: string, name: string): string =>
    `Remove it if nobody needs it (kubectl config delete-${what} ${name}), or write to a file of its own with --out FILE.`;
  const cluster = find(document, 'clusters', entry.cluster);
  const ca = decoded(cluster, 'cluster', 'certificate-authority-data');
  if (cluster !== null && !sameCertificate(ca, entry.ca))
    throw taken(path, `its cluster ${entry.cluster} is another one`, remove('cluster', entry.cluster));
  const user = find(document, 'users', entry.context);
  const certificate = decoded(user, 'user', 'client-certificate-data');
  if (user !== null && !(certificate !== null && chainsTo(certificate, entry.ca)))
    throw taken(path, `its user ${entry.context} is another cluster’s`, remove('user', entry.context));
  const context = find(document, 'contexts', entry.context);
  if (context !== null && context.getIn(['context', 'cluster']) !== entry.cluster)
    throw taken(path, `its context ${entry.context} leads to another cluster`, remove('context', entry.context));
}

function sameCertificate(pem: string | null, other: string): boolean {
  const fingerprint = pem === null ? undefined : tryParseCertificate(pem)?.fingerprint256;
  return fingerprint !== undefined && fingerprint === tryParseCertificate(other)?.fingerprint256;
}

function decoded(item: YAMLMap | null, key: string, field: string): string | null {
  const value = item?.getIn([key, field]);
  return typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : null;
}

function itemsOf(document: YamlDocument, list: string): YAMLMap[] {
  const found = document.get(list);
  return isSeq(found) ? found.items.filter((item) => isMap(item)) : [];
}

function namesIn(document: YamlDocument, list: string): string[] {
  return itemsOf(document, list).map((item) => String(item.get('name')));
}

function find(document: YamlDocument, list: string, name: string): YAMLMap | null {
  return itemsOf(document, list).find((item) => item.get('name') === name) ?? null;
}

/** What else the entry says (a proxy, a namespace) stays. */
function put(
  document: YamlDocument,
  list: string,
  name: string,
  key: string,
  fields: Readonly<Record<string, string>>,
): void {
  const there = find(document, list, name);
  if (there !== null && isMap(there.get(key))) {
    for (const [field, value] of Object.entries(fields)) there.setIn([key, field], value);
    return;
  }
  if (there !== null) {
    there.set(key, document.createNode(fields));
    return;
  }
  const sequence = document.get(list);
  const item = document.createNode({ name, [key]: fields });
  if (!isSeq(sequence)) {
    document.set(list, document.createNode([{ name, [key]: fields }]));
    return;
  }
  // `clusters: []`, as an empty one is written: what comes into it belongs on lines of its own.
  if (sequence.items.length === 0) sequence.flow = false;
  sequence.add(item);
}

function taken(path: string, why: string, action: string): KeelsonError {
  return new KeelsonError('kubeconfig.taken', `${path} is left as it is: ${why}`, { where: path, action });
}
