import { isFounded } from '../../ports/vault.ts';
import { finding } from '../finding.ts';
import { list, said, size, span } from '../text.ts';
import { type Check, minorOf, ofEachHost, ofEachKubelet, subjects } from './types.ts';

export const systemd = ofEachHost('check.systemd', ({ id, facts }, say) => [
  facts.machine?.systemd === '' ? say('error', `${id} is not run by systemd`) : null,
]);

/** `uname -m` and Go's names for the same. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64' };

export const architecture = ofEachHost('check.architecture', ({ id, view, facts }, say) => {
  if (facts.machine === undefined) return [];
  const { software } = view.desired;
  const own = ARCHITECTURES[facts.machine.architecture];
  if (own === undefined)
    return [say('error', `${id} is ${said(facts.machine.architecture)}; keelson supports amd64 and arm64`)];
  if (software.source !== 'bundle' || software.bundle.manifest.architecture === own) return [];
  return [say('error', `${id} is ${own}; the bundle is for ${software.bundle.manifest.architecture}`)];
});

const TESTED = { id: 'debian', version: '12' };
const WITH_APT = ['debian', 'ubuntu'];

export const operatingSystem = ofEachHost('check.os', ({ id, view, facts }, say) => {
  if (facts.machine === undefined) return [];
  const { os, missingTools } = facts.machine;
  const name = said(os.name) || 'a system without a name';
  if (view.desired.software.source === 'packages' && missingTools.includes('apt-get')) {
    return [say('error', `${id} runs ${name}, which has no apt-get; spec.software.source is packages`)];
  }
  if (os.id === TESTED.id && os.version === TESTED.version) return [];
  return [say(WITH_APT.includes(os.id) ? 'info' : 'warning', `${id} runs ${name}; keelson is tested on Debian 12`)];
});

/** Without these a machine can be kept, and some of it cannot be checked. */
const ONLY_FOR_CHECKS = ['ss', 'systemd-socket-activate'];
/** Judged with the system. */
const ONLY_FOR_PACKAGES = ['apt-get'];

export const tools = ofEachHost('check.tools', ({ id, facts, preflight }, say) => {
  const lacks = [...(facts.machine?.missingTools ?? []), ...(preflight.fitness?.lacks ?? [])];
  const missing = lacks.filter((tool) => !ONLY_FOR_PACKAGES.includes(tool));
  const needed = missing.filter((tool) => !ONLY_FOR_CHECKS.includes(tool));
  const helpful = missing.filter((tool) => ONLY_FOR_CHECKS.includes(tool));
  return [
    needed.length > 0 ? say('error', `${id} lacks ${list(needed, 20)}`) : null,
    helpful.length > 0
      ? say('warning', `${id} lacks ${list(helpful)}: ports, or ways between machines, are not checked there`)
      : null,
  ];
});

/** From this minor version on the kubelet does not start with cgroup v1 unless `failCgroupV1: false`. */
const REFUSES_CGROUP_V1 = 35;

export const cgroupVersion = ofEachKubelet('check.cgroup', ({ id, view, facts }, say) => {
  if (facts.machine?.cgroup !== 1) return [];
  const { kubernetesVersion, kubelet } = view.desired.config.spec;
  const refuses = minorOf(kubernetesVersion) >= REFUSES_CGROUP_V1 && kubelet.failCgroupV1 !== false;
  if (refuses)
    return [
      say(
        'error',
        `${id} uses cgroup v1, with which the kubelet ${kubernetesVersion} does not start`,
        'Write kubelet: { failCgroupV1: false } under spec in cluster.yaml, or boot the machine with cgroup v2 (systemd.unified_cgroup_hierarchy=1).',
      ),
    ];
  return [
    say(
      'warning',
      `${id} uses cgroup v1, which later kubelets do not support`,
      'Boot the machine with cgroup v2 before Kubernetes is upgraded.',
    ),
  ];
});

export const swap = ofEachKubelet('check.swap', ({ id, member, view, facts }, say) => {
  const bytes = (facts.machine?.swapKiB ?? 0) * 1024;
  if (bytes === 0) return [];
  if (view.desired.config.spec.kubelet.failSwapOn !== false) {
    return [say('error', `${id} has ${size(bytes)} of swap, with which the kubelet does not start`)];
  }
  if (member === null) {
    const message = `${id} has ${size(bytes)} of swap: pods there may become slow without a sign`;
    return [say('info', message, 'Turn swap off, or limit what pods may use of it (spec.kubelet.memorySwap).')];
  }
  return [
    say(
      'info',
      `${id} has ${size(bytes)} of swap: an etcd that is swapped out misses heartbeats`,
      'Turn swap off where etcd runs.',
    ),
  ];
});

export const hostname: Check = {
  code: 'check.hostname',
  judge: (input) => {
    const names = new Set<string>(input.view.desired.machines.map((m) => m.id));
    return subjects(input).flatMap(({ id, facts }) => {
      if (facts.machine === undefined) return [];
      const own = facts.machine.hostname.toLowerCase().replace(/\..*$/, '');
      if (own === id) return [];
      if (names.has(own)) {
        return [
          finding(
            'check.hostname',
            'warning',
            `${id} calls itself ${own}, which is another machine’s name in cluster.yaml`,
            { host: id },
          ),
        ];
      }
      return [
        finding('check.hostname', 'info', `${id} calls itself ${said(facts.machine.hostname) || 'nothing'}`, {
          host: id,
        }),
      ];
    });
  },
};

interface Limits {
  warnMs: number;
  refuseMs: number;
}
/** Certificates are made with the operator's clock: before the founding it is cheap to be strict. */
const BEFORE_FOUNDING: Limits = { warnMs: 1_000, refuseMs: 30_000 };
const RUNNING: Limits = { warnMs: 30_000, refuseMs: 300_000 };

export const clock = ofEachHost('check.clock', ({ id, view, preflight }, say) => {
  if (preflight.clock === undefined) return [];
  const { earliestMs, latestMs } = preflight.clock;
  const { warnMs, refuseMs } = isFounded(view.desired.cluster.phase) ? RUNNING : BEFORE_FOUNDING;
  // What is certain of the difference: the least of all that are possible.
  const certainMs = earliestMs > 0 ? earliestMs : Math.min(latestMs, 0);
  if (Math.abs(certainMs) <= warnMs) return [];
  const refused = Math.abs(certainMs) > refuseMs;
  const where = `${span(certainMs)} ${certainMs > 0 ? 'ahead of' : 'behind'} this computer’s`;
  return [
    say(
      refused ? 'error' : 'warning',
      `the clock of ${id} is ${where}; more than ${span(refused ? refuseMs : warnMs)} is ${refused ? 'refused' : 'too much'}`,
    ),
  ];
});
