import type { KubeKind, KubeObject } from '../model/kube-object.ts';
import type { KubeApi, KubeCall, KubePage, KubeSelection } from './kube-api.ts';

/** kubectl's: a node's object is some 10 KiB, so that a page stays far below what an answer may have. */
const PAGE = 500;
/** A list that expires again and again grows faster than it can be read. */
const ATTEMPTS = 3;

export type KubeListed =
  | { is: 'ok'; objects: readonly KubeObject[] }
  | Exclude<KubePage, { is: 'ok' }>
  /** More than the caller wants to hold. */
  | { is: 'too-many' };

/** All objects of a kind, page by page; from the start again when a page has expired. Each page has the call's whole time. */
export async function listAll(
  api: Pick<KubeApi, 'list'>,
  call: KubeCall,
  kind: KubeKind,
  selection: KubeSelection = {},
  { page = PAGE, most = 20_000 } = {},
): Promise<KubeListed> {
  for (let attempt = 1; ; attempt++) {
    const listed = await once(api, call, kind, selection, page, most);
    if (listed.is !== 'expired' || attempt === ATTEMPTS) return listed;
  }
}

async function once(
  api: Pick<KubeApi, 'list'>,
  call: KubeCall,
  kind: KubeKind,
  selection: KubeSelection,
  limit: number,
  most: number,
): Promise<KubeListed> {
  const objects: KubeObject[] = [];
  let next: string | null = null;
  do {
    const page: KubePage = await api.list(call, kind, {
      ...selection,
      limit,
      ...(next === null ? {} : { continue: next }),
    });
    if (page.is !== 'ok') return page;
    objects.push(...page.objects);
    if (objects.length > most) return { is: 'too-many' };
    next = page.continue;
  } while (next !== null);
  return { is: 'ok', objects };
}
