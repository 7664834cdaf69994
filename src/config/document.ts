import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  type Node,
  Parser,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { type Path, quote } from './path.ts';
import type { Place } from './place.ts';
import type { ConfigCode } from './problem.ts';
import { said } from './said.ts';

export interface DocumentProblem {
  code: ConfigCode;
  path: Path;
  offset: number;
  said: string;
}

/** A file's one YAML document as plain values, with the places of all of them. */
export interface ConfigDocument {
  value: unknown;
  place: Place;
  problems: readonly DocumentProblem[];
}

// A cluster of a thousand machines with ten fields each has a fifth of this. What anchors and aliases unfold to is counted.
const MAX_VALUES = 50_000;
const MAX_DEPTH = 32;
// Some faults cost the parser far more than their one character; a real file of a thousand machines has a fifth of this.
const MAX_TOKENS = 200_000;
const MAX_SCALAR = 8192;
const MAX_KEY = 256;
const MAX_SYNTAX_PROBLEMS = 10;

/** `value` is undefined when the text is no single YAML document, and `problems` say why. */
export function readDocument(text: string): ConfigDocument {
  const composed = compose(text);
  if (composed.problems.length > 0 || composed.document === null) {
    return { value: undefined, place: { value: 0 }, problems: composed.problems };
  }
  const { contents } = composed.document;
  if (contents === null || (isScalar(contents) && contents.value === null)) {
    const empty = said('is empty', 'write one with keelson init');
    return { value: undefined, place: { value: 0 }, problems: [problem('config.syntax', 0, empty)] };
  }
  const walk = new Walk();
  const { value, place } = walk.read(contents, [], 0);
  // What was left unread would be reported as missing.
  return { value: walk.stoppedEarly() ? undefined : value, place, problems: walk.problems };
}

function compose(text: string): { document: Document | null; problems: DocumentProblem[] } {
  if (hasTooManyTokens(text)) {
    const large = said('is longer than any cluster needs', 'check that this is the right file');
    return { document: null, problems: [problem('config.too-large', 0, large)] };
  }
  // Duplicate keys are found below: the parser compares each key with each other one, which takes minutes on a hostile file.
  const composer = new Composer({
    uniqueKeys: false,
    prettyErrors: false,
    version: '1.2',
    schema: 'core',
    logLevel: 'silent',
  });
  let document: Document | null = null;
  try {
    for (const next of composer.compose(new Parser().parse(text), true, text.length)) {
      if (document !== null) {
        const several = said('a second document begins here', 'keep one cluster in one file');
        return { document, problems: [problem('config.syntax', next.range[0], several)] };
      }
      document = next;
    }
  } catch (error) {
    // The parser's only fault that text alone can cause: it recurses, and the stack ends.
    if (!(error instanceof RangeError)) throw error;
    return { document, problems: [problem('config.syntax', 0, tooDeep)] };
  }
  return { document, problems: document === null ? [] : syntaxProblems(document) };
}

const tooDeep = said('is nested too deeply', 'check that this is the right file');

function hasTooManyTokens(text: string): boolean {
  let count = 0;
  for (const _token of new Lexer().lex(text)) if (++count > MAX_TOKENS) return true;
  return false;
}

function syntaxProblems(document: Document): DocumentProblem[] {
  const found = [...document.errors, ...document.warnings].slice(0, MAX_SYNTAX_PROBLEMS);
  // It catches the end of the stack itself in some places, and says so as if the text had said it.
  if (found.some(({ message }) => /call stack|stack overflow/i.test(message)))
    return [problem('config.syntax', 0, tooDeep)];
  const problems = found.map((error) => {
    const wrong = /^[\x20-\x7e]{1,200}$/.test(error.message) ? lowerFirst(error.message) : 'is not valid YAML';
    return problem('config.syntax', error.pos[0], said(wrong, 'correct the YAML here'));
  });
  if (document.directives?.yaml.explicit === true && document.directives.yaml.version !== '1.2') {
    problems.push(problem('config.syntax', 0, said('asks for an old version of YAML', 'remove the line %YAML')));
  }
  return problems;
}

function problem(code: ConfigCode, offset: number, text: string): DocumentProblem {
  return { code, path: [], offset, said: text };
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

interface Read {
  value: unknown;
  place: Place;
}

const coreTags = new Set(
  ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`),
);

class Walk {
  readonly problems: DocumentProblem[] = [];
  readonly #anchors = new Map<string, Node>();
  readonly #open = new Set<Node>();
  #values = 0;

  stoppedEarly(): boolean {
    return this.#values > MAX_VALUES;
  }

  read(node: unknown, path: Path, depth: number): Read {
    const start = startOf(node);
    if (++this.#values > MAX_VALUES) {
      if (this.#values === MAX_VALUES + 1) {
        this.#add(
          'config.too-large',
          path,
          start,
          said(`holds more than ${MAX_VALUES} values`, 'unfold fewer aliases'),
        );
      }
      return nothing(start);
    }
    if (depth > MAX_DEPTH) {
      this.#add('config.too-large', path, start, said(`is nested more than ${MAX_DEPTH} deep`, 'make it flatter'));
      return nothing(start);
    }
    if (isAlias(node)) return this.#readAlias(node.source, start, path, depth);
    if (!isMap(node) && !isSeq(node) && !isScalar(node)) return this.#empty(path, start);
    if (node.tag !== undefined && !coreTags.has(node.tag)) {
      this.#add('config.syntax', path, start, said(`has the tag ${quote(node.tag)}`, 'write the plain value'));
      return nothing(start);
    }
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (isScalar(node)) return this.#readScalar(node.value, path, start);
    this.#open.add(node);
    const read = isMap(node) ? this.#readMap(node, path, depth) : this.#readList(node, path, depth);
    this.#open.delete(node);
    return read;
  }

  #readAlias(name: string, start: number, path: Path, depth: number): Read {
    const target = this.#anchors.get(name);
    if (target !== undefined && !this.#open.has(target)) return this.read(target, path, depth);
    const wrong = target === undefined ? `refers to ${quote(name)}, which is not above` : 'refers to itself';
    this.#add('config.alias', path, start, said(wrong, 'write the value itself'));
    return nothing(start);
  }

  #readScalar(value: unknown, path: Path, start: number): Read {
    const place = { value: start };
    if (value === null || value === undefined) return this.#empty(path, start);
    if (typeof value === 'string' && value.length > MAX_SCALAR) {
      this.#add('config.invalid-value', path, start, said(`is longer than ${MAX_SCALAR} characters`, 'shorten it'));
      return nothing(start);
    }
    if (typeof value === 'number' && !Number.isFinite(value)) {
      this.#add('config.invalid-value', path, start, said('is not a finite number', 'write a number'));
      return nothing(start);
    }
    return { value, place };
  }

  #readList(node: YAMLSeq, path: Path, depth: number): Read {
    const children = new Map<number, Place>();
    const value: unknown[] = [];
    for (const [index, item] of node.items.entries()) {
      const read = this.read(item, [...path, index], depth + 1);
      children.set(index, read.place);
      value.push(read.value);
      if (this.stoppedEarly()) break;
    }
    return { value, place: { value: startOf(node), children } };
  }

  #readMap(node: YAMLMap, path: Path, depth: number): Read {
    const children = new Map<string, Place>();
    const value: Record<string, unknown> = {};
    for (const pair of node.items) {
      const at = startOf(pair.key) || startOf(pair.value);
      const key = this.#readKey(pair.key, path, at);
      if (key === null) continue;
      const here = [...path, key];
      const read = pair.value === null ? this.#empty(here, at) : this.read(pair.value, here, depth + 1);
      if (children.has(key)) this.#add('config.duplicate-key', here, at, said('is given twice', 'keep one of them'));
      children.set(key, { ...read.place, key: at });
      value[key] = read.value;
      if (this.stoppedEarly()) break;
    }
    return { value, place: { value: startOf(node), children } };
  }

  #readKey(node: unknown, path: Path, at: number): string | null {
    if (!isScalar(node)) {
      this.#add('config.syntax', path, at, said('has a key that is not a word', 'write keys as plain words'));
      return null;
    }
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    const key = typeof node.value === 'string' ? node.value : (node.source ?? '');
    // As a key of a plain object it would set the prototype, for whoever copies the object.
    if (key.length <= MAX_KEY && key !== '__proto__') return key;
    this.#add('config.unknown-key', path, at, said(`has the key ${quote(key)}`, 'remove it'));
    return null;
  }

  #empty(path: Path, start: number): Read {
    this.#add('config.wrong-type', path, start, said('is empty', 'give a value, or remove the line'));
    return nothing(start);
  }

  #add(code: ConfigCode, path: Path, offset: number, text: string): void {
    this.problems.push({ code, path, offset, said: text });
  }
}

/** null is no value of any field, and is reported where it stands. */
function nothing(start: number): Read {
  return { value: null, place: { value: start } };
}

function startOf(node: unknown): number {
  const range = (node as { range?: readonly number[] | null } | null | undefined)?.range;
  return range?.[0] ?? 0;
}
