import { stringify } from 'yaml';

export interface PodFile {
  name: string;
  /** On the machine. */
  path: string;
  mountPath: string;
  readOnly: boolean;
}

export interface StaticPod {
  name: string;
  /** Of the files that it reads only when it starts: another one makes it another pod to the kubelet. */
  configDigest: string;
  /** Fields of its one container, without name and mounts. */
  container: Readonly<Record<string, unknown>>;
  files: readonly PodFile[];
}

/** A pod on its machine's own network which reads single files of the machine and is the last to be evicted. */
export function staticPod(pod: StaticPod): string {
  const manifest = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: pod.name,
      namespace: 'kube-system',
      labels: { component: pod.name, tier: 'control-plane' },
      annotations: { 'keelson/config-digest': pod.configDigest },
    },
    spec: {
      hostNetwork: true,
      // Static pods get no priority from their class by themselves.
      priorityClassName: 'system-node-critical',
      priority: 2_000_001_000,
      // Its connections are ended rather than kept: they come again through another machine.
      terminationGracePeriodSeconds: 5,
      containers: [
        {
          name: pod.name,
          imagePullPolicy: 'IfNotPresent',
          ...pod.container,
          volumeMounts: pod.files.map(({ name, mountPath, readOnly }) => ({ name, mountPath, readOnly })),
        },
      ],
      volumes: pod.files.map(({ name, path }) => ({ name, hostPath: { path, type: 'FileOrCreate' } })),
    },
  };
  return `# Written by keelson.\n${stringify(manifest, { lineWidth: 0 })}`;
}
