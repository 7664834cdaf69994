import { parseSync } from 'oxc-parser';
import { findImpurities } from './impurities.ts';
import { isNode, nameOf, nodesOf, type SyntaxNode, walk } from './syntax.ts';

/** One import, re-export, dynamic import or imported type of a module. */
export interface ModuleImport {
  /** Null when it is computed and so cannot be judged. */
  readonly specifier: string | null;
  /** The names that are asked for; `*` for all of them. */
  readonly names: readonly string[];
  readonly line: number;
}

/** A use of something that gives another answer the next time: the clock, randomness, the process, the network. */
export interface Impurity {
  readonly what: string;
  readonly line: number;
}

export interface ModuleUse {
  readonly imports: readonly ModuleImport[];
  readonly impurities: readonly Impurity[];
  /** Lines with `Secret.valueOf`, which is `reveal` by another name. */
  readonly revelations: readonly number[];
}

/** What a module uses of others and of its surroundings. Throws on a syntax error: a file that is not read is not judged. */
export function readModule(path: string, text: string): ModuleUse {
  const { program, errors } = parseSync(path, text);
  const [error] = errors;
  if (error !== undefined) throw new Error(`${path}: ${error.message}`);
  const lineAt = lineCounter(text);
  const tree = program as unknown as SyntaxNode;
  const imports: ModuleImport[] = [];
  const revelations: number[] = [];
  walk(tree, (node) => {
    const found = importOf(node);
    if (found !== undefined) imports.push({ ...found, line: lineAt(node.start) });
    if (isRevelation(node)) revelations.push(lineAt(node.start));
  });
  const impurities = findImpurities(tree).map(({ what, start }) => ({ what, line: lineAt(start) }));
  return { imports, impurities, revelations };
}

function importOf(node: SyntaxNode): Omit<ModuleImport, 'line'> | undefined {
  switch (node.type) {
    case 'ImportDeclaration':
      return { specifier: textOf(node.source), names: nodesOf(node.specifiers).map(importedName) };
    case 'ExportNamedDeclaration':
      if (!isNode(node.source)) return undefined;
      return { specifier: textOf(node.source), names: nodesOf(node.specifiers).map((s) => nameOf(s.local)) };
    case 'ExportAllDeclaration':
    case 'ImportExpression':
      return { specifier: textOf(node.source), names: ['*'] };
    case 'TSImportType':
      return { specifier: textOf(node.source), names: isNode(node.qualifier) ? [nameOf(node.qualifier)] : ['*'] };
    case 'TSExternalModuleReference':
      return { specifier: textOf(node.expression), names: ['*'] };
    case 'CallExpression':
      if (!isNode(node.callee) || nameOf(node.callee) !== 'require') return undefined;
      return { specifier: textOf(nodesOf(node.arguments)[0]), names: ['*'] };
    default:
      return undefined;
  }
}

function importedName(specifier: SyntaxNode): string {
  return specifier.type === 'ImportSpecifier' ? nameOf(specifier.imported) : '*';
}

function isRevelation(node: SyntaxNode): boolean {
  return node.type === 'MemberExpression' && nameOf(node.object) === 'Secret' && nameOf(node.property) === 'valueOf';
}

/** The text of a string literal, or of a template without expressions. */
function textOf(node: unknown): string | null {
  if (!isNode(node)) return null;
  if (node.type === 'TSLiteralType') return textOf(node.literal);
  if (node.type === 'Literal' && typeof node.value === 'string') return node.value;
  if (node.type === 'TemplateLiteral' && nodesOf(node.expressions).length === 0) {
    const [only] = nodesOf(node.quasis);
    const { cooked } = (only?.value ?? {}) as { cooked?: string };
    return cooked ?? null;
  }
  return null;
}

function lineCounter(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}
