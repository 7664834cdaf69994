import { armor, Decrypter, Encrypter } from 'age-encryption';
import { KeelsonError } from '../model/errors.ts';
import { reveal } from '../model/reveal.ts';
import { Secret } from '../model/secret.ts';
import type { AgeIdentity } from './identity.ts';

/** Throws `vault.recipient-invalid` for the first that is none. */
export function checkRecipients(recipients: readonly string[]): void {
  const encrypter = new Encrypter();
  for (const recipient of recipients) {
    try {
      encrypter.addRecipient(recipient);
    } catch {
      throw new KeelsonError('vault.recipient-invalid', `${JSON.stringify(recipient)} is not an age recipient.`);
    }
  }
}

/** An armored age file that any of the recipients can open, with keelson or with the age tool. */
export async function seal(plaintext: Secret, recipients: readonly string[]): Promise<string> {
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return armor.encode(await encrypter.encrypt(reveal(plaintext)));
}

export type Unsealed = { is: 'opened'; plaintext: Secret } | { is: 'not-for-us' } | { is: 'damaged' };

export async function unseal(armored: string, identity: AgeIdentity): Promise<Unsealed> {
  const decrypter = new Decrypter();
  for (const key of identity.keys) decrypter.addIdentity(reveal(key));
  // Identities are asked in turn until one answers. That this last one is asked means that none of ours did, which the
  // library says in words only.
  let asked = false;
  decrypter.addIdentity({
    unwrapFileKey: () => {
      asked = true;
      return null;
    },
  });
  try {
    return { is: 'opened', plaintext: new Secret(await decrypter.decrypt(armor.decode(armored), 'text')) };
  } catch {
    return { is: asked ? 'not-for-us' : 'damaged' };
  }
}
