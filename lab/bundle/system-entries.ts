import type { TarEntry } from './tar.ts';

/** What a statically linked program expects of a system: users, name look-up order, and a place for temporary files. */
export const systemEntries: readonly TarEntry[] = [
  { type: 'directory', path: 'etc', mode: 0o755 },
  { type: 'file', path: 'etc/group', mode: 0o644, content: 'root:x:0:\nnobody:x:65534:\n' },
  { type: 'file', path: 'etc/nsswitch.conf', mode: 0o644, content: 'hosts: files dns\n' },
  {
    type: 'file',
    path: 'etc/passwd',
    mode: 0o644,
    content: 'root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n',
  },
  { type: 'directory', path: 'root', mode: 0o700 },
  { type: 'directory', path: 'tmp', mode: 0o1777 },
  { type: 'directory', path: 'usr', mode: 0o755 },
  { type: 'directory', path: 'usr/local', mode: 0o755 },
  { type: 'directory', path: 'usr/local/bin', mode: 0o755 },
  { type: 'directory', path: 'var', mode: 0o755 },
  { type: 'directory', path: 'var/lib', mode: 0o755 },
];
