import type { ConfigDraft } from '../draft.ts';
import type { Path } from '../path.ts';
import type { Role } from '../schema.ts';

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

/** The role that carries etcd: `control-plane` where it is stacked. */
export function memberRole(draft: ConfigDraft): 'etcd' | 'control-plane' {
  return draft.spec?.etcd?.topology === 'stacked' ? 'control-plane' : 'etcd';
}

/** Hosts that are etcd members. One whose roles are wrong counts: it was probably meant as one. */
export function memberCount(draft: ConfigDraft): number | undefined {
  const role = memberRole(draft);
  return draft.spec?.hosts?.filter(
    (host) => host?.roles === undefined || host.roles.some((given) => given === undefined || given === role),
  ).length;
}

/** The hosts with a role, with their places. */
export function hostsWith(draft: ConfigDraft, role: Role): NumberedHost[] {
  return hostsOf(draft).filter((_host, index) => draft.spec?.hosts?.[index]?.roles?.includes(role));
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
