import { expect, it } from 'vitest';
import type { View } from '../../steps/types.ts';
import { vault } from './vault.ts';

const refused = (code?: 'vault.identity-unreadable') => {
  const fact = { is: 'unknown', because: 'why', ...(code === undefined ? {} : { code }) };
  // The refusal reads nothing else of the view.
  return vault({ facts: { vault: fact } } as unknown as View, { kind: 'apply' })[0];
};

it('puts what is wrong with the age identity on the identity, and never on the vault', () => {
  const found = refused('vault.identity-unreadable');
  expect(found).toMatchObject({ code: 'vault.identity-unreadable', message: 'why' });
  expect(found?.action).toContain('identity');
  expect(found?.action).not.toContain('vault');
});

it('says that the vault could not be read where nothing closer is known', () => {
  expect(refused()).toMatchObject({ code: 'vault.unreadable', message: 'the vault could not be read: why' });
});
