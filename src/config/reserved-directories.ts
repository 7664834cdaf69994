/** Belong to the system or to other programs as a whole; what is below them may be used. */
const shared = new Set(
  '/bin /boot /dev /etc /home /lib /lib32 /lib64 /libx32 /media /mnt /opt /proc /root /run /sbin /srv /sys /tmp /usr /var /var/lib'.split(
    ' ',
  ),
);

/** Nothing below these either: configuration, programs, what a boot empties, or another program's state. */
const closed =
  '/bin /boot /dev /etc /lib /lib32 /lib64 /libx32 /proc /run /sbin /sys /tmp /usr /var/backups /var/cache /var/lock /var/log /var/mail /var/run /var/spool /var/tmp /var/lib/apt /var/lib/containerd /var/lib/containers /var/lib/dbus /var/lib/docker /var/lib/dpkg /var/lib/keelson /var/lib/kubelet /var/lib/rpm /var/lib/systemd'.split(
    ' ',
  );

/** Whether etcd's data directory can be here: keelson makes it 0700 and later removes it as a whole. */
export function mayHoldData(directory: string): boolean {
  return !shared.has(directory) && !closed.some((tree) => directory === tree || directory.startsWith(`${tree}/`));
}
