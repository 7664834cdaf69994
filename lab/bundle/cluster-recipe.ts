import type { BaseFiles, GoModule, GoProgram, ImageRecipe, Recipe } from './recipe.ts';
import { etcdRecipe, program } from './recipe.ts';

// What a bundle for a whole Kubernetes cluster has beyond that for etcd machines: kubectl, the control plane, kube-proxy,
// CoreDNS, flannel as the pod network, and an image for pods in tests.

const goModules = {
  ...etcdRecipe.goModules,
  // Not the newest of what kubeadm names: this release also stands in where kubeadm names one that is no Go module.
  coredns: { path: 'github.com/coredns/coredns', version: 'v1.14.2', versionVariables: [] },
  flannel: {
    path: 'github.com/flannel-io/flannel',
    version: 'v0.26.7',
    versionVariables: ['github.com/flannel-io/flannel/pkg/version.Version'],
    cgo: true,
  },
  // The last release that has the flannel plug-in.
  'cni-plugins-v0': {
    path: 'github.com/containernetworking/plugins',
    version: 'v0.9.1',
    versionVariables: ['github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion'],
  },
} as const satisfies Record<string, GoModule>;

const kubernetesPrograms = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy'] as const;

const goPrograms: readonly GoProgram[] = [
  ...etcdRecipe.goPrograms,
  ...kubernetesPrograms.map((name) => program(name, 'kubernetes', `k8s.io/kubernetes/cmd/${name}`)),
  program('kubectl', 'kubernetes', 'k8s.io/kubernetes/cmd/kubectl', '/usr/local/bin'),
  program('coredns', 'coredns', 'github.com/coredns/coredns'),
  program('flanneld', 'flannel', 'github.com/flannel-io/flannel'),
  program('flannel', 'cni-plugins-v0', 'github.com/containernetworking/plugins/plugins/meta/flannel', '/opt/cni/bin'),
];

const busybox = '/bin/busybox';

/** `cp` is how the usual flannel manifest brings files to its host. */
const copying: BaseFiles = { programs: [busybox], plugins: [], links: { '/bin/cp': busybox, '/bin/sh': busybox } };

const iptables = '/usr/sbin/xtables-nft-multi';
const iptablesNames = ['iptables', 'ip6tables'].flatMap((name) => [name, `${name}-save`, `${name}-restore`]);

/** What kube-proxy and flannel change packet filters with. */
const packetFilter: BaseFiles = {
  programs: [iptables, '/usr/sbin/conntrack', '/usr/sbin/nft'],
  plugins: ['xtables'],
  links: Object.fromEntries(iptablesNames.map((name) => [`/usr/sbin/${name}`, iptables])),
};

/** Without wget, which crashes in Debian's static busybox; curl is there. */
const applets =
  'cat cp date echo env false grep head hostname httpd id ip ls mkdir nc ping ps rm sed seq sh sleep sort tail test true vi wc';

const testTools: BaseFiles = {
  programs: [busybox, '/usr/bin/curl'],
  plugins: [],
  links: Object.fromEntries(applets.split(' ').map((name) => [`/bin/${name}`, busybox])),
};

/** Named as flannel's own manifest names them, with the same paths inside. */
const flannelImage = `ghcr.io/flannel-io/flannel:${goModules.flannel.version}`;
const flannelPluginImage = 'ghcr.io/flannel-io/flannel-cni-plugin:v1.6.2-flannel1';

const images: readonly ImageRecipe[] = [
  ...etcdRecipe.images,
  controlPlane('kube-apiserver'),
  controlPlane('kube-controller-manager'),
  controlPlane('kube-scheduler'),
  { ...controlPlane('kube-proxy'), base: packetFilter },
  { name: 'coredns', programs: { coredns: '/coredns' }, entrypoint: ['/coredns'], system: true },
  {
    name: 'flannel',
    reference: flannelImage,
    programs: { flanneld: '/opt/bin/flanneld' },
    entrypoint: ['/opt/bin/flanneld'],
    system: true,
    base: {
      programs: [...copying.programs, ...packetFilter.programs],
      plugins: packetFilter.plugins,
      links: { ...copying.links, ...packetFilter.links },
    },
  },
  {
    name: 'flannel-cni-plugin',
    reference: flannelPluginImage,
    programs: { flannel: '/flannel' },
    entrypoint: [],
    system: true,
    base: copying,
  },
  {
    name: 'busybox',
    reference: 'keelson.dev/lab/busybox:1.35.0',
    programs: {},
    entrypoint: ['/bin/sh'],
    system: true,
    base: testTools,
  },
];

export const clusterRecipe = {
  goModules,
  goPrograms,
  debianPrograms: etcdRecipe.debianPrograms,
  images,
} satisfies Recipe;

/** A program of Kubernetes' own, found by its name, which is how kubeadm's manifests start it. */
function controlPlane(name: (typeof kubernetesPrograms)[number]): ImageRecipe {
  const path = `/usr/local/bin/${name}`;
  return { name, programs: { [name]: path }, entrypoint: [path], system: true };
}
