import type { Reseal } from '../ports/vault.ts';
import type { AgeIdentity } from './identity.ts';
import type { OpenVault } from './open.ts';

/**
 * Those of the configuration, and the user's own unless it names one of them. What recipients.txt says is never taken over: it lies in
 * clear, and a line that somebody put there must not open the vault.
 */
export function wantedRecipients(age: AgeIdentity, configured: readonly string[]): string[] {
  return [...new Set([...(isListed(age, configured) ? [] : age.recipients), ...configured])];
}

function isListed(age: AgeIdentity, configured: readonly string[]): boolean {
  return age.recipients.some((own) => configured.includes(own));
}

export function resealOf({ age, sealedTo }: OpenVault, configured: readonly string[]): Reseal | null {
  const wanted = wantedRecipients(age, configured);
  const add = wanted.filter((r) => !sealedTo.includes(r));
  const remove = sealedTo.filter((r) => !wanted.includes(r));
  if (add.length === 0 && remove.length === 0) return null;
  return { add, remove, own: age.recipients, listed: isListed(age, configured) };
}
