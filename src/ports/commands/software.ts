import { script, type WriteCommand, writeCommand } from '../command.ts';

/** Imports a docker archive into the kubelet's namespace of containerd. */
export function importImage(socket: string, archive: string): WriteCommand {
  return writeCommand(
    'import-image',
    ['ctr', '--address', socket, '-n', 'k8s.io', 'images', 'import', '--digests=false', archive],
    {
      mayBeLong: true,
      timeoutMs: 300_000,
    },
  );
}

/**
 * Refreshes the package lists; installs exact versions (`kubelet=1.36.3-1.1`) and holds them; installs whatever version there is (`add`), for the
 * system's own updates to care for; or lets go of those that are held.
 */
export function apt(action: 'update' | 'install' | 'add' | 'unhold', packages: readonly string[] = []): WriteCommand {
  const text = [
    'export DEBIAN_FRONTEND=noninteractive; a=$1; shift',
    'if [ "$a" = update ]; then exec apt-get -q update; fi',
    'if [ "$a" = unhold ]; then for p do ! dpkg -s "$p" >/dev/null 2>&1 || apt-mark unhold "$p" || exit $?; done; exit 0; fi',
    'apt-get -q -y --no-install-recommends --allow-change-held-packages -o Dpkg::Options::=--force-confold install "$@" || exit $?',
    'if [ "$a" = add ]; then exit 0; fi',
    'for p do apt-mark hold "${p%%=*}" || exit $?; done',
  ].join('\n');
  return writeCommand('apt', script(text, [action, ...packages]), { mayBeLong: true, timeoutMs: 900_000 });
}
