import { childrenOf, isNode, nameOf, nodesOf, type SyntaxNode } from './syntax.ts';

export interface FoundImpurity {
  readonly what: string;
  readonly start: number;
}

/** Names of the surroundings that pure code does not use at all. */
const forbidden = new Set([
  'process',
  'global',
  'globalThis',
  'console',
  'fetch',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'performance',
  'crypto',
  'require',
  'eval',
  'Function',
  'WebSocket',
  'EventSource',
  'navigator',
]);

/** Names of which a part is pure: any member but these. Handing the object on as a whole is refused too. */
const restricted: Readonly<Record<string, ReadonlySet<string>>> = {
  Date: new Set(['now']),
  Math: new Set(['random']),
  AbortSignal: new Set(['timeout']),
};

/** TypeScript's nodes are types and have no meaning at run time, but for these, which wrap an expression. */
const expressions = new Set(['TSAsExpression', 'TSSatisfiesExpression', 'TSNonNullExpression', 'TSTypeAssertion']);

type Scope = ReadonlySet<string>;

/**
 * Uses of the surroundings in a module. A name counts when nothing around it declares it, so that a local `process` of a
 * machine is no violation.
 */
export function findImpurities(program: SyntaxNode): FoundImpurity[] {
  const found: FoundImpurity[] = [];
  look(program, undefined, [], found);
  // `{ process }` is one word and two nodes.
  return found.filter(({ start }, index) => found.findIndex((other) => other.start === start) === index);
}

function look(
  node: SyntaxNode,
  parent: SyntaxNode | undefined,
  scopes: readonly Scope[],
  found: FoundImpurity[],
): void {
  if (node.type.startsWith('TS') && !expressions.has(node.type)) return;
  if (node.type === 'ImportDeclaration' || node.type === 'ExportAllDeclaration') return;
  if (node.type === 'ExportNamedDeclaration' && isNode(node.source)) return;
  if (node.type === 'Identifier') {
    const what = parent === undefined || isDeclared(nameOf(node), scopes) ? undefined : impurityOf(node, parent);
    if (what !== undefined) found.push({ what, start: node.start });
    return;
  }
  const declared = declarationsOf(node);
  const inner = declared.size === 0 ? scopes : [...scopes, declared];
  for (const child of childrenOf(node)) {
    if (!isMereName(child, node)) look(child, node, inner, found);
  }
}

function isDeclared(name: string, scopes: readonly Scope[]): boolean {
  return scopes.some((scope) => scope.has(name));
}

/** `a.NAME`, `{ NAME: ... }` and labels: words that refer to nothing outside. */
function isMereName(child: SyntaxNode, parent: SyntaxNode): boolean {
  if (parent.computed === true) return false;
  if (parent.type === 'MemberExpression') return child === parent.property;
  if (parent.type === 'Property') return child === parent.key && parent.shorthand !== true;
  return (parent.type === 'MethodDefinition' || parent.type === 'PropertyDefinition') && child === parent.key;
}

function impurityOf(node: SyntaxNode, parent: SyntaxNode): string | undefined {
  const name = nameOf(node);
  if (forbidden.has(name)) return name;
  const members = restricted[name];
  if (members === undefined) return undefined;
  if (parent.type === 'MemberExpression' && parent.object === node) {
    if (parent.computed === true) return `${name}[...]`;
    const member = nameOf(parent.property);
    return members.has(member) ? `${name}.${member}` : undefined;
  }
  if (parent.type === 'NewExpression' && parent.callee === node) {
    return name === 'Date' && nodesOf(parent.arguments).length === 0 ? 'new Date()' : undefined;
  }
  if (parent.type === 'BinaryExpression' && parent.operator === 'instanceof') return undefined;
  const called = parent.type === 'CallExpression' && parent.callee === node;
  return called ? `${name}()` : `${name} as a value`;
}

/** The names that a node declares for what is below it. */
function declarationsOf(node: SyntaxNode): Set<string> {
  const names = new Set<string>();
  if (node.type === 'Program' || node.type === 'BlockStatement' || node.type === 'StaticBlock') {
    for (const statement of nodesOf(node.body)) addStatement(statement, names);
  }
  if (node.type === 'SwitchCase') for (const statement of nodesOf(node.consequent)) addStatement(statement, names);
  if (node.type === 'CatchClause') addPattern(node.param, names);
  for (const key of ['init', 'left']) {
    const declaration = node[key];
    if (node.type.startsWith('For') && isNode(declaration)) addStatement(declaration, names);
  }
  if (/Function/.test(node.type)) {
    addPattern(node.id, names);
    for (const parameter of nodesOf(node.params)) addPattern(parameter, names);
  }
  if (node.type === 'ClassExpression') addPattern(node.id, names);
  return names;
}

function addStatement(statement: SyntaxNode, names: Set<string>): void {
  if (statement.type === 'VariableDeclaration') {
    for (const declarator of nodesOf(statement.declarations)) addPattern(declarator.id, names);
  }
  if (statement.type === 'FunctionDeclaration' || statement.type === 'ClassDeclaration')
    addPattern(statement.id, names);
  if (statement.type === 'ExportNamedDeclaration' && isNode(statement.declaration))
    addStatement(statement.declaration, names);
  if (statement.type === 'ImportDeclaration') {
    for (const specifier of nodesOf(statement.specifiers)) addPattern(specifier.local, names);
  }
}

function addPattern(pattern: unknown, names: Set<string>): void {
  if (!isNode(pattern)) return;
  if (pattern.type === 'Identifier') names.add(nameOf(pattern));
  for (const key of ['left', 'argument', 'parameter']) addPattern(pattern[key], names);
  for (const element of nodesOf(pattern.elements)) addPattern(element, names);
  if (pattern.type !== 'ObjectPattern') return;
  for (const property of nodesOf(pattern.properties)) {
    addPattern(property.type === 'Property' ? property.value : property.argument, names);
  }
}
