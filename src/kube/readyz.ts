import type { KubeCheck } from '../ports/kube-api.ts';

/**
 * `[+]ping ok`, `[-]etcd failed: reason withheld`, and a last line with the verdict. Null when the text holds no such line: then it
 * is not what the health handler answers.
 */
export function readChecks(text: string): { failing: KubeCheck[]; passing: string[] } | null {
  const failing: KubeCheck[] = [];
  const passing: string[] = [];
  for (const line of text.split('\n')) {
    const [, sign, name = '', said = ''] = /^\[([+-])\](\S+) ?(.*)$/.exec(line.trimEnd()) ?? [];
    if (sign === '+') passing.push(name);
    if (sign === '-') failing.push({ name, said: said.replace(/^failed: /, '') });
  }
  return failing.length + passing.length === 0 ? null : { failing, passing };
}
