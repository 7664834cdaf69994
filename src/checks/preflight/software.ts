import { programOf, sandboxImageOf } from '../../desired/bundle.ts';
import { paths } from '../../desired/paths.ts';
import { restrictsOomScore } from '../../facts/software.ts';
import type { Finding } from '../../model/finding.ts';
import { manifestImage } from '../../render/manifest.ts';
import { list, said } from '../text.ts';
import { minorOf, ofEachKubelet, type Say, type Subject } from './types.ts';

export const runtime = ofEachKubelet('check.runtime', ({ id, view, facts }, say) => {
  if (facts.tools === undefined) return [];
  const { software, criSocket } = view.desired;
  if (!criSocket.includes('containerd')) {
    return [
      say(
        'warning',
        `${criSocket} is not containerd’s socket; keelson is tested with containerd alone`,
        'Leave spec.runtime.criSocket out to use containerd.',
      ),
    ];
  }
  const program = facts.tools.get('containerd');
  const active = facts.units?.get('containerd.service')?.active === 'active';
  if (software.source === 'bundle') {
    const own = programOf(software.bundle.manifest, 'containerd')?.install;
    if (program === undefined || program.path === own) return [];
    return [
      say(
        'warning',
        `${id} already has containerd ${said(program.version)} at ${said(program.path)}; the bundle’s will run in its place`,
        'Remove the other containerd, or set spec.software.source to preinstalled to keep it.',
      ),
    ];
  }
  if (software.source === 'packages') {
    if (program === undefined || active) return [];
    return [
      say(
        'warning',
        `containerd is installed on ${id} and does not run`,
        'Look at systemctl status containerd on the machine.',
      ),
    ];
  }
  if (program === undefined) return [say('error', `${id} has no containerd; spec.software.source is preinstalled`)];
  return [
    active ? null : say('error', `containerd does not run on ${id}`, 'Start it: systemctl enable --now containerd.'),
  ];
});

export const cgroupDriver = ofEachKubelet('check.cgroup-driver', ({ id, view, facts }, say) => {
  const { software, config } = view.desired;
  const wanted = config.spec.runtime.cgroupDriver;
  if (software.source === 'bundle') {
    if (wanted !== 'cgroupfs') return [];
    return [say('error', `the kubelet on ${id} would use cgroupfs and the bundle’s containerd systemd`)];
  }
  if (facts.runtime?.is !== 'containerd') return [];
  const { cgroupDriver: driver } = facts.runtime;
  if (wanted !== undefined && wanted !== driver) {
    return [say('error', `containerd on ${id} uses ${driver}; spec.runtime.cgroupDriver says ${wanted}`)];
  }
  if (driver === 'systemd') return [];
  return [say('warning', `containerd on ${id} uses cgroupfs: it and systemd would both manage the cgroups`)];
});

/**
 * etcd's pod asks for a lower oom_score_adj than containerd's. Where root may not lower any, no such pod would ever start, and the
 * founding would wait in vain.
 */
export const oomScore = ofEachKubelet('check.oom-score', ({ id, node, view, facts }, say) => {
  // The bundle's containerd is configured for the machine that it comes to.
  if (view.desired.software.source === 'bundle' || facts.machine === undefined) return [];
  if (facts.machine.mayLowerOomScore) return [];
  const file = facts.files?.text.get(paths.containerdConfig) ?? '';
  const restricted = facts.runtime?.is === 'containerd' ? facts.runtime.restrictsOomScore : restrictsOomScore(file);
  if (restricted) return [];
  const pods = node === null ? 'pod of etcd' : 'system pod';
  return [say('error', `root on ${id} may not lower oom_score_adj, and containerd would: no ${pods} would start`)];
});

export const versions = ofEachKubelet('check.versions', (subject, say) => {
  const { id, view, facts } = subject;
  if (facts.tools === undefined) return [];
  const wanted = view.desired.config.spec.kubernetesVersion.replace(/^v/, '');
  const kubelet = facts.tools.get('kubelet');
  const kubeadm = facts.tools.get('kubeadm');
  const { software } = view.desired;
  if (software.source === 'bundle') {
    return (['kubelet', 'kubeadm'] as const).map((name) => {
      const found = facts.tools?.get(name);
      const own = programOf(software.bundle.manifest, name)?.install;
      if (found === undefined || found.path === own) return null;
      return say(
        'warning',
        `${id} already has ${name} ${said(found.version)} at ${said(found.path)}; the bundle’s will be used, at ${own ?? 'its own place'}`,
        `Remove the other ${name}, so that nobody runs the wrong one.`,
      );
    });
  }
  if (software.source === 'packages') {
    return [kubelet, kubeadm].map((found) => {
      if (found === undefined || !newer(found.version, wanted)) return null;
      return say(
        'error',
        `${said(found.path)} on ${id} is ${said(found.version)}; apt does not go back to ${wanted}`,
        'Remove the newer packages first, or change spec.kubernetesVersion.',
      );
    });
  }
  const missing = [kubelet === undefined ? 'kubelet' : '', kubeadm === undefined ? 'kubeadm' : ''].filter(
    (name) => name !== '',
  );
  return [
    missing.length > 0
      ? say('error', `${id} has no ${missing.join(' and no ')}; spec.software.source is preinstalled`)
      : null,
    kubelet !== undefined && kubelet.version !== wanted
      ? say('error', `the kubelet on ${id} is ${said(kubelet.version)}; spec.kubernetesVersion is ${wanted}`)
      : null,
    kubeadm === undefined ? null : kubeadmFinding(subject, kubeadm.version, wanted, say),
  ];
});

/** kubeadm manages its own minor version and the one below. */
function kubeadmFinding(
  { id }: Subject,
  version: string,
  wanted: string,
  say: Parameters<Parameters<typeof ofEachKubelet>[1]>[1],
) {
  if (version === wanted) return null;
  const ahead = minorOf(version) - minorOf(wanted);
  if (ahead === 0 || ahead === 1) {
    return say('warning', `kubeadm on ${id} is ${said(version)}; it may make another manifest than ${wanted} does`);
  }
  return say(
    'error',
    `kubeadm on ${id} is ${said(version)}; it cannot manage ${wanted}, only its own minor version and the one below`,
  );
}

function newer(a: string, b: string): boolean {
  const parts = (version: string): number[] => version.split(/[.+-]/).slice(0, 3).map(Number);
  const [left, right] = [parts(a), parts(b)];
  const at = left.findIndex((n, i) => n !== right[i]);
  return at >= 0 && (left[at] ?? 0) > (right[at] ?? 0);
}

/** What kubeadm and its add-ons run on a node, by the last part of the name. */
function programsOf({ member, node }: Subject): string[] {
  if (node === null) return [];
  if (node.role === 'worker') return ['kube-proxy', 'pause'];
  const own = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy', 'coredns', 'pause'];
  return member === null ? own : [...own, 'etcd'];
}

function ofNode(subject: Subject, say: Say): (Finding | null)[] {
  const { id, view, facts } = subject;
  const { software, config } = view.desired;
  const lackingIn = (names: readonly string[]): string[] =>
    programsOf(subject).filter((program) => !names.some((name) => name.includes(`/${program}:`)));
  if (software.source === 'bundle') {
    const lacking = lackingIn(software.bundle.manifest.images.map((image) => image.name));
    if (lacking.length === 0) return [];
    return [say('error', `the bundle holds no image of ${list(lacking, 8)}, which ${id} needs`)];
  }
  const missing = lackingIn(facts.images ?? []);
  if (missing.length === 0) return [];
  const registry = config.spec.controlPlane?.imageRepository?.split('/')[0] ?? 'registry.k8s.io';
  return [
    say(
      'info',
      `${id} does not have the images of ${list(missing, 8)} yet: its runtime will pull them`,
      `See that the machine reaches ${said(registry)}, or load the images with ctr -n k8s.io images import.`,
    ),
  ];
}

export const images = ofEachKubelet('check.images', (subject, say) => {
  const { id, view, facts } = subject;
  if (subject.node !== null) return ofNode(subject, say);
  if (facts.manifests === undefined) return [];
  const made = [facts.manifests.running, facts.manifests.founding].find((m) => m.is === 'made');
  const etcd = made?.is === 'made' ? manifestImage(made.text) : null;
  const { software } = view.desired;
  if (software.source === 'bundle') {
    const { manifest } = software.bundle;
    const names = manifest.images.map((image) => image.name);
    return [
      etcd !== null && !names.includes(etcd)
        ? say('error', `kubeadm on ${id} asks for ${said(etcd)}; the bundle holds ${list(names)}`)
        : null,
      sandboxImageOf(manifest) === undefined
        ? say('error', 'the bundle holds no pause image, which every pod needs')
        : null,
    ];
  }
  const sandbox =
    facts.runtime?.is === 'containerd' && facts.runtime.sandboxImage !== '' ? facts.runtime.sandboxImage : null;
  const present = facts.images ?? [];
  const missing = [etcd, sandbox].filter((name) => name !== null).filter((name) => !present.includes(name));
  if (missing.length === 0) return [];
  const registries = [...new Set(missing.map((name) => name.split('/')[0] ?? ''))];
  return [
    say(
      'info',
      `${id} does not have ${list(missing.map(said))} yet: its runtime will pull ${missing.length === 1 ? 'it' : 'them'}`,
      `See that the machine reaches ${list(registries.map(said))}, or load the images with ctr -n k8s.io images import.`,
    ),
  ];
});
