import { isAbsolute, join } from 'node:path';

/** Where the identity lies: the option, `KEELSON_IDENTITY_FILE`, else `keelson/identity.txt` in the user's configuration folder. */
export function identityPath(from: { option?: string; env: Record<string, string | undefined>; home: string }): string {
  const named = from.option ?? from.env.KEELSON_IDENTITY_FILE;
  if (named !== undefined && named !== '') return named;
  const xdg = from.env.XDG_CONFIG_HOME;
  // The specification says that a relative path is to be ignored.
  const config = xdg !== undefined && isAbsolute(xdg) ? xdg : join(from.home, '.config');
  return join(config, 'keelson', 'identity.txt');
}
