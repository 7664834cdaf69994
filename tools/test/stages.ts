/** A check that is not a test of vitest's. It passes as a whole, and counts as one. */
export interface Stage {
  readonly name: string;
  readonly argv: readonly string[];
}

export const stages: readonly Stage[] = [
  { name: 'types', argv: ['tsc', '--noEmit', '-p', '.'] },
  { name: 'format and lint', argv: ['biome', 'check', '--error-on-warnings', '.'] },
  { name: 'lint with types', argv: ['oxlint', '--type-aware'] },
  { name: 'import law', argv: ['node', 'tools/import-law.ts'] },
  { name: 'generated files', argv: ['node', 'tools/generate.ts', '--check'] },
  { name: 'generated etcd client', argv: ['node', 'tools/etcd-client.ts'] },
  { name: 'dead code', argv: ['knip', '--no-progress', '--no-config-hints'] },
  { name: 'build', argv: ['node', 'tools/build.ts'] },
];
