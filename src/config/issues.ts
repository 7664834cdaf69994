import type { z } from 'zod';
import { flow } from './flow.ts';
import { type JsonSchema, parentsOf, schemaAt } from './json-schema.ts';
import { nearest } from './nearest.ts';
import { type Path, quote } from './path.ts';
import type { ConfigCode } from './problem.ts';
import { unsay } from './said.ts';

export interface FieldProblem {
  code: ConfigCode;
  path: Path;
  message: string;
  action: string;
}

// A file with more is not a cluster.yaml; no reader needs each of them.
const MAX_UNKNOWN_KEYS = 50;

/** What the schema objects to, in the words of the file's author. `value` is what was parsed. */
export function fieldProblems(issue: z.core.$ZodIssue, value: unknown): FieldProblem[] {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.slice(0, MAX_UNKNOWN_KEYS).map((key) => unknownKey([...path, key]));
  }
  if (issue.code === 'invalid_key') return [wrongKey(path, issue.issues[0]?.message ?? '')];
  const given = valueAt(value, path);
  if (given === undefined) return [missing(path)];
  const own = unsay(issue.message);
  const code = customCode(issue);
  const shown = isScalar(given) && !aboutKeys.has(code) ? `${quote(given)} ` : '';
  if (own !== null) return [{ code, path, message: `${shown}${own.message}`, action: own.action }];
  if (issue.code === 'invalid_value') return [notOneOf(path, given, issue.values)];
  return [wrongType(path, given, issue)];
}

/** Problems of a field's name, whatever its value. They are shown at the name. */
export const aboutKeys: ReadonlySet<ConfigCode> = new Set(['config.unknown-key', 'config.reserved-field']);

function customCode(issue: z.core.$ZodIssue): ConfigCode {
  const code = issue.code === 'custom' ? issue.params?.code : undefined;
  return typeof code === 'string' ? (code as ConfigCode) : 'config.invalid-value';
}

function unknownKey(path: Path): FieldProblem {
  const key = String(path.at(-1));
  return { code: 'config.unknown-key', path, message: 'is not a field', action: knownInstead(path.slice(0, -1), key) };
}

function wrongKey(path: Path, said: string): FieldProblem {
  const { message, action } = unsay(said) ?? { message: 'is not possible here', action: 'correct it' };
  return { code: 'config.invalid-value', path, message: `has a name that ${message}`, action };
}

function knownInstead(parent: Path, key: string): string {
  if (key === '<<') return 'write the fields out; merge keys are not supported';
  const known = Object.keys(schemaAt(parent)?.properties ?? {});
  const near = nearest(key, known);
  if (near !== undefined) return `did you mean ${near}?`;
  const elsewhere = commonWords.has(key) ? [] : parentsOf(key);
  if (elsewhere.length > 0) return `it belongs to ${elsewhere.join(' or ')}`;
  return `the fields here are ${known.join(', ')}`;
}

// They say something only together with where they stand.
const commonWords = new Set(['key', 'name', 'value', 'url', 'certificate', 'hosts']);

function missing(path: Path): FieldProblem {
  const schema = schemaAt(path);
  const example = schema?.const ?? schema?.examples?.[0];
  const key = String(path.at(-1) ?? '');
  const action = example === undefined ? `add ${key}` : `add it, for example ${key}: ${flow(example)}`;
  return { code: 'config.missing-field', path, message: 'is missing', action };
}

function notOneOf(path: Path, given: unknown, values: readonly unknown[]): FieldProblem {
  const known = values.map(String);
  const near = typeof given === 'string' ? nearest(given, known) : undefined;
  const among = known.length === 1 ? `use ${known[0]}` : `use one of ${known.join(', ')}`;
  const action = near === undefined || known.length === 1 ? among : `did you mean ${near}?`;
  const message = isScalar(given) ? `${quote(given)} is not possible here` : `is ${typeName(given)}`;
  return { code: 'config.invalid-value', path, message, action };
}

function wrongType(path: Path, given: unknown, issue: z.core.$ZodIssue): FieldProblem {
  const schema = schemaAt(path);
  const expected = 'expected' in issue ? String(issue.expected) : 'string';
  const wanted = expectedNames[expected] ?? 'another type';
  const shown = isScalar(given) ? `${quote(given)} is ${typeName(given)}` : `is ${typeName(given)}`;
  const [example] = schema?.examples ?? [];
  const [needsQuotes, key] = [expected === 'string' && isScalar(given) && fits(String(given), schema), path.at(-1)];
  const shownExample = example === undefined || typeof key !== 'string' ? '' : `, for example ${key}: ${flow(example)}`;
  const action = needsQuotes ? 'put it in quotes' : `write ${wanted}${shownExample}`;
  return { code: 'config.wrong-type', path, message: `${shown}, not ${wanted}`, action };
}

function fits(text: string, schema: JsonSchema | undefined): boolean {
  return schema?.pattern === undefined || new RegExp(schema.pattern, 'u').test(text);
}

const expectedNames: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a whole number',
  int: 'a whole number',
  boolean: 'a boolean',
  array: 'a list',
  object: 'a mapping of fields',
  record: 'a mapping of fields',
};

function typeName(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number') return Number.isInteger(value) ? 'a number' : 'a fraction';
  if (typeof value === 'boolean') return 'a boolean';
  return typeof value === 'string' ? 'text' : 'a mapping of fields';
}

function isScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}

function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, part) => {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    return (value as Record<string | number, unknown>)[part];
  }, root);
}
