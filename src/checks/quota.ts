import type { View } from '../facts/types.ts';
import type { HostId } from '../model/ids.ts';

/** etcd's own default. */
const DEFAULT_QUOTA = 2 * 2 ** 30;

/** The size at which a member's database takes no more writes: what the member says, else what it is configured with. */
export function etcdQuota(view: View, on: HostId): number {
  const endpoint = view.facts.etcd.is === 'known' ? view.facts.etcd.value.endpoints.get(on) : undefined;
  const told = endpoint?.status.is === 'ok' ? endpoint.status.value.quotaBytes : undefined;
  // 0 is etcd's word for its default.
  return told || view.desired.config.spec.etcd.quotaBackendBytes || DEFAULT_QUOTA;
}
