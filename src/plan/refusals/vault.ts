import type { ErrorCode } from '../../model/codes.ts';
import type { Finding } from '../../model/finding.ts';
import { refusal } from '../finding.ts';
import type { PlanRefusal } from './types.ts';

/** Without knowing what the vault says, nothing can be said about whose machines these are or whether a cluster may be founded. */
export const vault: PlanRefusal = ({ facts }, intent) => {
  if (facts.vault.is === 'unknown') return [unread(facts.vault)];
  // A reset needs no key: the inventory, in clear, says whose machines these are.
  if (facts.vault.value.is === 'sealed' && intent.kind !== 'reset')
    return [refusal(facts.vault.value.code, facts.vault.value.because)];
  return [];
};

function unread({ code = 'vault.unreadable', because }: { code?: ErrorCode; because: string }): Finding {
  // The vault may be fine: what cannot be used is what opens it.
  return refusal(code, code === 'vault.identity-unreadable' ? because : `the vault could not be read: ${because}`);
}
