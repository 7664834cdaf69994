import { type Demo, demos } from './demos.ts';
import { placesOf } from './places.ts';

/** What to try next with a demo that is up: commands that can be copied. */
export function whatNext(root: string, demo: Demo): string {
  return `
What to try next. First, in this shell, from ${root}:

  . ${placesOf(demo).shell}${' '.repeat(Math.max(1, 62 - placesOf(demo).shell.length))}# "keelson" is now the command for this cluster

  keelson plan                                                    # nothing to do
${demo === demos[0] ? OF_ETCD : OF_CLUSTER}
  keelson runs                                                    # what was done, when and by whom

  make demo-down                                                  # removes machines, network and vault
`;
}

const OF_ETCD = `\
  npm run lab -- ssh demo etcd-1 -- chmod 644 /etc/kubernetes/pki/etcd/server.key
  keelson plan --diff                                             # finds it
  keelson apply                                                   # repairs it, and asks before
  npm run lab -- fault demo etcd-2 power-off
  keelson status                                                  # two of three, and what that means
  npm run lab -- fault demo etcd-2 boot`;

const OF_CLUSTER = `\
  npm run lab -- ssh demo-stacked cp-0 -- kubectl --kubeconfig /etc/kubernetes/admin.conf get pods -A -o wide
  npm run lab -- ssh demo-stacked cp-0 -- kubectl --kubeconfig /etc/kubernetes/admin.conf label node worker-0 topology.kubernetes.io/zone-
  keelson plan                                                    # finds that the node's zone is gone
  keelson apply                                                   # gives it back, and asks before
  npm run lab -- fault demo-stacked worker-1 power-off
  keelson status                                                  # what that means
  npm run lab -- fault demo-stacked worker-1 boot`;
