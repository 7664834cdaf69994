import type { KubeObject } from '../../model/kube-object.ts';
import type { KubeSelection } from '../../ports/kube-api.ts';

/** The API's selectors: `a=b`, `a!=b`, `a in (b, c)`, `a notin (b)`, `a`, `!a`, joined by commas; of fields the first two. */
export function matches(object: KubeObject, { namespace, labels, fields }: KubeSelection): boolean {
  if (namespace !== undefined && object.metadata.namespace !== namespace) return false;
  const own = object.metadata.labels ?? {};
  return (
    terms(labels).every((term) => holds(term, (name) => own[name])) &&
    terms(fields).every((term) => holds(term, (path) => field(object, path)))
  );
}

function terms(selector = ''): string[] {
  return selector
    .split(/,(?![^(]*\))/)
    .map((term) => term.trim())
    .filter((term) => term !== '');
}

function holds(term: string, of: (name: string) => string | undefined): boolean {
  const set = /^(\S+) (in|notin) \(([^)]*)\)$/.exec(term);
  if (set !== null) {
    const [, name = '', how, list = ''] = set;
    const value = of(name);
    const listed = value !== undefined && list.split(',').some((item) => item.trim() === value);
    return how === 'in' ? listed : !listed;
  }
  const [, name = '', sign, value] = /^([^=!]+)(!=|==?)(.*)$/.exec(term) ?? [];
  if (sign !== undefined) return sign === '!=' ? of(name) !== value : of(name) === value;
  return term.startsWith('!') ? of(term.slice(1)) === undefined : of(term) !== undefined;
}

function field(object: KubeObject, path: string): string | undefined {
  let value: unknown = object;
  for (const name of path.split('.'))
    value = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  return typeof value === 'string' || typeof value === 'boolean' ? `${value}` : undefined;
}
