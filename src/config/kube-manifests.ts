import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type ScalarTag,
  type YAMLMap,
} from 'yaml';
import { KeelsonError } from '../model/errors.ts';
import type { KubeObject } from '../model/kube-object.ts';
import { quote } from './path.ts';

/** One object of a file of Kubernetes manifests. */
export interface KubeManifest {
  object: KubeObject;
  /** `cni.yaml:12`. */
  where: string;
}

interface Problem {
  offset: number;
  text: string;
}

/** The largest manifests that projects publish have some 3 MiB. */
const MAX_CHARACTERS = 16 * 1024 * 1024;
const MAX_PROBLEMS = 20;
/** Aliases unfold; published manifests have none or a few. */
const MAX_ALIASES = 100;

// Manifests are written for kubectl, whose YAML is still in part that of 1.1: a mode of 0644 is octal there, and yes is a boolean.
const octal: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  format: 'OCT',
  test: /^[-+]?0[0-7]+$/,
  resolve: (text) => Number.parseInt(text, 8),
};
const yesOrNo: ScalarTag = {
  tag: 'tag:yaml.org,2002:bool',
  default: true,
  test: /^(?:yes|Yes|YES|on|On|ON|no|No|NO|off|Off|OFF)$/,
  resolve: (text) => /^(?:yes|on)$/i.test(text),
};

/**
 * The objects of a file as `kubectl apply -f` reads it: several documents, empty ones left out, a `List` taken apart. Throws
 * `kube.manifest`, which lists everything that is wrong with its line. What fields a kind has is the API server's to say.
 */
export function readKubeManifests(text: string, file: string): KubeManifest[] {
  if (text.length > MAX_CHARACTERS) throw invalid(file, [`${file}: is longer than any manifest`]);
  const lines = new LineCounter();
  const where = (offset: number): string => `${file}:${lines.linePos(offset).line || 1}`;
  const documents = parseAllDocuments(text, {
    schema: 'core',
    merge: true,
    customTags: (tags) => [octal, yesOrNo, ...tags],
    stringKeys: true,
    prettyErrors: false,
    logLevel: 'silent',
    lineCounter: lines,
  });
  const problems: Problem[] = [];
  const read: { object: KubeObject; offset: number }[] = [];
  for (const document of Array.isArray(documents) ? documents : []) {
    const found = documentProblems(document);
    problems.push(...found);
    if (found.length > 0) continue;
    for (const part of objectsOf(document)) {
      const wrong = objectProblems(part.node);
      problems.push(...wrong.map((problem) => ({ ...problem, text: `${part.title}: ${problem.text}` })));
      if (wrong.length === 0) read.push({ object: part.value as KubeObject, offset: part.offset });
    }
  }
  problems.push(...twice(read, where));
  if (problems.length > 0) {
    const sorted = problems.toSorted((a, b) => a.offset - b.offset);
    throw invalid(
      file,
      sorted.map((problem) => `${where(problem.offset)}: ${problem.text}`),
    );
  }
  return read.map(({ object, offset }) => ({ object, where: where(offset) }));
}

function invalid(file: string, problems: readonly string[]): KeelsonError {
  const more = problems.length > MAX_PROBLEMS ? [`and ${problems.length - MAX_PROBLEMS} more`] : [];
  const shown = [...problems.slice(0, MAX_PROBLEMS), ...more].join('\n');
  return new KeelsonError('kube.manifest', `${file} is no file of Kubernetes manifests:\n${shown}`, { where: file });
}

function documentProblems(document: Document.Parsed): Problem[] {
  const found = document.errors.map((error) => ({ offset: error.pos[0], text: firstLine(error.message) }));
  if (found.length > 0 || isEmpty(document)) return found;
  if (!isMap(document.contents))
    return [{ offset: offsetOf(document.contents), text: 'is no object, but another value' }];
  try {
    document.toJS({ maxAliasCount: MAX_ALIASES });
    return [];
  } catch (error) {
    // Only aliases can fail here: to nothing, to themselves, or too many.
    if (!(error instanceof ReferenceError)) throw error;
    return [{ offset: offsetOf(document.contents), text: firstLine(error.message) }];
  }
}

function isEmpty(document: Document.Parsed): boolean {
  const { contents } = document;
  return contents === null || (isScalar(contents) && contents.value === null);
}

interface Part {
  node: YAMLMap;
  value: unknown;
  offset: number;
  /** What the object calls itself, as far as it does. */
  title: string;
}

function objectsOf(document: Document.Parsed): Part[] {
  const { contents } = document;
  if (!isMap(contents)) return [];
  const items: unknown = contents.get('items');
  const kind: unknown = contents.get('kind');
  if (kind !== 'List' || !isSeq(items)) return [partOf(document, contents)];
  return items.items
    .map((item) => (isAlias(item) ? item.resolve(document) : item))
    .filter((item) => isMap(item))
    .map((item) => partOf(document, item));
}

function partOf(document: Document.Parsed, node: YAMLMap): Part {
  const [kind, name] = [node.get('kind'), node.getIn(['metadata', 'name'])];
  const title = `${typeof kind === 'string' ? kind : 'object'}${typeof name === 'string' ? ` ${name}` : ''}`;
  return { node, value: node.toJS(document, { maxAliasCount: MAX_ALIASES }), offset: offsetOf(node), title };
}

interface Rule {
  path: readonly string[];
  pattern: RegExp;
  example: string;
  optional?: boolean;
}

/** What every object must have, whatever its kind. */
const rules: readonly Rule[] = [
  { path: ['apiVersion'], pattern: /^(?:[a-z0-9.-]+\/)?v[a-z0-9]+$/, example: 'apps/v1' },
  { path: ['kind'], pattern: /^[A-Z][A-Za-z0-9]*$/, example: 'DaemonSet' },
  { path: ['metadata', 'name'], pattern: /^[^/%\s]+$/, example: 'kube-flannel' },
  { path: ['metadata', 'namespace'], pattern: /^[a-z0-9-]+$/, example: 'kube-system', optional: true },
];

function objectProblems(node: YAMLMap): Problem[] {
  const fields = rules.flatMap((rule) => {
    const text = ruleProblem(node.getIn(rule.path), rule);
    return text === null ? [] : [{ offset: nearestOffset(node, rule.path), text }];
  });
  return [...fields, ...textProblems(node, 'labels'), ...textProblems(node, 'annotations')];
}

function ruleProblem(given: unknown, { path, pattern, example, optional = false }: Rule): string | null {
  const field = path.join('.');
  if (given === undefined || given === null) return optional ? null : `${field} is missing; for example ${example}`;
  if (typeof given !== 'string') return `${field} is not text; put it in quotes`;
  return pattern.test(given) ? null : `${field} cannot be ${quote(given)}; for example ${example}`;
}

/** true and 1 are no labels, though they look like it. */
function textProblems(node: YAMLMap, field: 'labels' | 'annotations'): Problem[] {
  const texts = node.getIn(['metadata', field]);
  if (!isMap(texts)) return [];
  return texts.items.flatMap(({ key }) => {
    const name = String(isScalar(key) ? key.value : key);
    const value = texts.get(name);
    const isText = typeof value === 'string' || value === null || isAlias(value) || name === '<<';
    const path = ['metadata', field, name];
    return isText
      ? []
      : [{ offset: nearestOffset(node, path), text: `${path.join('.')} is not text; put it in quotes` }];
  });
}

/** Of the value; of the nearest thing around it for what is not there. */
function nearestOffset(node: YAMLMap, path: readonly string[]): number {
  for (let length = path.length; length > 0; length--) {
    const found = node.getIn(path.slice(0, length), true);
    if (found !== undefined && found !== null) return offsetOf(found);
  }
  return offsetOf(node);
}

function twice(read: readonly { object: KubeObject; offset: number }[], where: (offset: number) => string): Problem[] {
  const seen = new Map<string, number>();
  const problems: Problem[] = [];
  for (const { object, offset } of read) {
    const { apiVersion, kind, metadata } = object;
    // The version is another view of the same object.
    const group = apiVersion.includes('/') ? apiVersion.split('/')[0] : '';
    const key = JSON.stringify([group, kind, metadata.namespace ?? '', metadata.name]);
    const first = seen.get(key);
    // Applied one after the other, each would take away what only the other gives.
    if (first !== undefined) problems.push({ offset, text: `${kind} ${metadata.name}: is also at ${where(first)}` });
    else seen.set(key, offset);
  }
  return problems;
}

function offsetOf(node: unknown): number {
  return (node as { range?: readonly number[] | null } | null)?.range?.[0] ?? 0;
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? '';
}
