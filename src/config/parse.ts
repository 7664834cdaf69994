import { LineCounter } from 'yaml';
import { readDocument } from './document.ts';
import { draftOf } from './draft.ts';
import { aboutKeys, type FieldProblem, fieldProblems } from './issues.ts';
import { formatPath, type Path } from './path.ts';
import { type ConfigSource, keyOffsetOf, offsetOf, type Place, type Position } from './place.ts';
import type { ConfigProblem } from './problem.ts';
import { rules } from './rules/index.ts';
import { notYet } from './rules/not-yet.ts';
import { unsay } from './said.ts';
import { ClusterConfig } from './schema.ts';
import { checkText } from './text.ts';

export type ParsedConfig =
  | { ok: true; config: ClusterConfig; source: ConfigSource }
  | { ok: false; problems: readonly ConfigProblem[] };

const MAX_PROBLEMS = 100;

interface Found extends FieldProblem {
  offset: number;
}

/**
 * cluster.yaml as text becomes a configuration, or the list of everything that is wrong with it, in the order of the file.
 * `file` is its name in messages. Nothing is read but the text.
 */
export function parseConfig(text: string, file: string): ParsedConfig {
  const position = positionsIn(text);
  const unreadable = checkText(text).map((found) => ({ ...found, path: [] }));
  if (unreadable.length > 0) return failed(unreadable.map(fromSaid), file, position);
  const document = readDocument(text);
  const found = document.problems.map(fromSaid);
  if (document.value === undefined) return failed(found, file, position);
  const parsed = ClusterConfig.safeParse(document.value);
  const first = new FirstOfEachPath(found);
  for (const issue of parsed.error?.issues ?? []) {
    for (const problem of fieldProblems(issue, document.value)) first.add(problem, placeOf(document.place, problem));
    if (first.found.length > MAX_PROBLEMS) break;
  }
  const draft = draftOf(document.value, first.wrongValues());
  for (const problem of rules.flatMap((rule) => rule(draft)))
    first.add(problem, offsetOf(document.place, problem.path));
  // Last: what a file with faults asks for may be one of them.
  if (parsed.success && first.found.length === 0)
    for (const problem of notYet(draft)) first.add(problem, offsetOf(document.place, problem.path));
  if (!parsed.success || first.found.length > 0) return failed(first.found, file, position);
  return { ok: true, config: parsed.data, source: { file, at: (path) => position(offsetOf(document.place, path)) } };
}

/** A value with two faults is reported with the first: the second is often only its shadow. */
class FirstOfEachPath {
  readonly found: Found[];
  readonly #paths: Set<string>;

  constructor(found: readonly Found[]) {
    this.found = [...found];
    this.#paths = new Set(found.map(({ path }) => JSON.stringify(path)));
  }

  add(problem: FieldProblem, offset: number): void {
    const path = JSON.stringify(problem.path);
    if (this.#paths.has(path)) return;
    this.#paths.add(path);
    this.found.push({ ...problem, offset });
  }

  wrongValues(): Path[] {
    return this.found.filter(({ code }) => code !== 'config.duplicate-key').map(({ path }) => path);
  }
}

function fromSaid(found: { code: Found['code']; path: Path; offset: number; said: string }): Found {
  const { message, action } = unsay(found.said) ?? { message: found.said, action: 'correct it' };
  return { code: found.code, path: found.path, offset: found.offset, message, action };
}

function placeOf(root: Place, problem: FieldProblem): number {
  return aboutKeys.has(problem.code) ? keyOffsetOf(root, problem.path) : offsetOf(root, problem.path);
}

function failed(found: readonly Found[], file: string, position: (offset: number) => Position): ParsedConfig {
  const problems = found
    .toSorted((a, b) => a.offset - b.offset)
    .map(({ code, path, offset, message, action }): ConfigProblem => {
      return { code, file, ...position(offset), path: formatPath(path), message, action };
    });
  return {
    ok: false,
    problems: problems.length > MAX_PROBLEMS ? [...problems.slice(0, MAX_PROBLEMS), more(problems)] : problems,
  };
}

function more(problems: readonly ConfigProblem[]): ConfigProblem {
  const next = problems[MAX_PROBLEMS] ?? { file: '', line: 1, column: 1 };
  const { file, line, column } = next;
  const [message, action] = ['has more problems from here on', 'correct those above first'];
  return { code: 'config.invalid', file, line, column, path: 'document', message, action };
}

function positionsIn(text: string): (offset: number) => Position {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines.addNewLine(at + 1);
  return (offset) => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
}
