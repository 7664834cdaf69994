import { describe, expect, it } from 'vitest';
import { identityPath } from './identity-path.ts';

describe('identityPath', () => {
  const home = '/home/op';
  it.each([
    [{ env: {} }, '/home/op/.config/keelson/identity.txt'],
    [{ env: { XDG_CONFIG_HOME: '/xdg' } }, '/xdg/keelson/identity.txt'],
    [{ env: { XDG_CONFIG_HOME: 'relative' } }, '/home/op/.config/keelson/identity.txt'],
    [{ env: { XDG_CONFIG_HOME: '' } }, '/home/op/.config/keelson/identity.txt'],
    [{ env: { XDG_CONFIG_HOME: '/xdg', KEELSON_IDENTITY_FILE: '/run/id' } }, '/run/id'],
    [{ env: { KEELSON_IDENTITY_FILE: '' } }, '/home/op/.config/keelson/identity.txt'],
    [{ option: './mine.txt', env: { KEELSON_IDENTITY_FILE: '/run/id' } }, './mine.txt'],
  ])('of %j is %s', (from, path) => {
    expect(identityPath({ ...from, home })).toBe(path);
  });
});
