import type { ConfigDraft } from '../draft.ts';
import type { Path } from '../path.ts';

export interface NumberedHost {
  path: Path;
  name: string | undefined;
  address: string | undefined;
  sshPort: number | undefined;
}

/** The hosts with their places; one that is wrong as a whole has no fields. */
export function hostsOf(draft: ConfigDraft): NumberedHost[] {
  return (draft.spec?.hosts ?? []).map((host, index) => ({
    path: ['spec', 'hosts', index],
    name: host?.name,
    address: host?.address,
    sshPort: host?.ssh?.port,
  }));
}

/** Hosts with the role etcd. One whose roles are wrong counts: it was probably meant as one. */
export function memberCount(draft: ConfigDraft): number | undefined {
  return draft.spec?.hosts?.filter((host) => host?.roles === undefined || host.roles.length > 0).length;
}

/** Later items whose key an earlier one has, with the earlier one. */
export function repeated<T>(items: readonly T[], keyOf: (item: T) => string | undefined): { item: T; first: T }[] {
  const seen = new Map<string, T>();
  return items.flatMap((item) => {
    const key = keyOf(item);
    if (key === undefined) return [];
    const first = seen.get(key);
    if (first === undefined) seen.set(key, item);
    return first === undefined ? [] : [{ item, first }];
  });
}
