export interface ContainerdConfig {
  sandboxImage: string;
  /** Path of runc. */
  runc: string;
  /** False where root may not lower oom_score_adj (some containers): no pod would start there otherwise. */
  mayLowerOomScore: boolean;
}

/** `/etc/containerd/config.toml` of containerd 2: all else is the default. */
export function containerdConfig(config: ContainerdConfig): string {
  return `# Written by keelson.
version = 3

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = '${config.sandboxImage}'

[plugins.'io.containerd.cri.v1.runtime']
${config.mayLowerOomScore ? '' : '  # This machine may not lower any oom_score_adj (no CAP_SYS_RESOURCE).\n  restrict_oom_score_adj = true\n'}
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  SystemdCgroup = true
  BinaryName = '${config.runc}'
`;
}
