import { readFileSync, writeFileSync } from 'node:fs';

const limitFile = '/proc/sys/fs/inotify/max_user_instances';

/** About 15 for each machine: 5 of systemd, 2 of containerd, 6 of the kubelet. Enough for some 60 machines. */
const wanted = 1024;

/**
 * The kernel counts root's inotify instances of all machines together, and allows 128 by default. A kubelet that gets none
 * overlooks new manifests and gives up, which looks like a slow machine. The limit is raised for good: it takes no memory
 * by itself, and who else relies on it by then cannot be known.
 */
export function allowInotify(progress: (line: string) => void, file = limitFile): void {
  const limit = Number(readFileSync(file, 'utf8'));
  if (!(limit < wanted)) return;
  writeFileSync(file, `${wanted}\n`);
  progress(`fs.inotify.max_user_instances of this computer is now ${wanted}; it was ${limit}`);
}
