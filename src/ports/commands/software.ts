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

/** Refreshes the package lists, or installs exact versions (`kubelet=1.36.3-1.1`) and holds them. */
export function apt(action: 'update' | 'install', packages: readonly string[] = []): WriteCommand {
  const text = [
    'export DEBIAN_FRONTEND=noninteractive; a=$1; shift',
    'if [ "$a" = update ]; then exec apt-get -q update; fi',
    'apt-get -q -y --no-install-recommends --allow-change-held-packages -o Dpkg::Options::=--force-confold install "$@" || exit $?',
    'for p do apt-mark hold "${p%%=*}" || exit $?; done',
  ].join('\n');
  return writeCommand('apt', script(text, [action, ...packages]), { mayBeLong: true, timeoutMs: 900_000 });
}
