import { expect, test } from 'vitest';
import { linkerFlags, renderGoMod } from './go-program.ts';

const kubernetes = { path: 'k8s.io/kubernetes', version: 'v1.36.3', staging: true, versionVariables: [] } as const;

test('the staging modules of Kubernetes are replaced by their published releases', () => {
  const theirs = `module k8s.io/kubernetes

go 1.26.0

godebug default=go1.26

require k8s.io/api v0.0.0

replace (
	k8s.io/api => ./staging/src/k8s.io/api
	k8s.io/kube-proxy => ./staging/src/k8s.io/kube-proxy
)

replace k8s.io/streaming => ./staging/src/k8s.io/streaming
`;
  expect(renderGoMod(kubernetes, theirs)).toBe(`module bundle

go 1.26.0

require k8s.io/kubernetes v1.36.3

replace k8s.io/api => k8s.io/api v0.36.3
replace k8s.io/kube-proxy => k8s.io/kube-proxy v0.36.3
replace k8s.io/streaming => k8s.io/streaming v0.36.3
`);
});

test('a Kubernetes release without staging modules is an error, not a build of something else', () => {
  expect(() => renderGoMod(kubernetes, 'module k8s.io/kubernetes\n\ngo 1.26.0\n')).toThrow('names no staging module');
});

test('any other module is required as it is, with its own go line', () => {
  const module = { path: 'go.etcd.io/etcd/server/v3', version: 'v3.6.8', versionVariables: [] };
  expect(renderGoMod(module, 'module go.etcd.io/etcd/server/v3\n\ngo 1.24\n\ntoolchain go1.24.13\n')).toBe(
    'module bundle\n\ngo 1.24\n\nrequire go.etcd.io/etcd/server/v3 v3.6.8\n',
  );
});

test('kubeadm and client-go are both told the version that kubeadm checks', () => {
  const flags = linkerFlags(kubernetes, '2026-07-22T18:07:38Z').split(' ');
  for (const holder of ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version']) {
    expect(flags).toContain(`${holder}.gitVersion=v1.36.3`);
    expect(flags).toContain(`${holder}.gitMajor=1`);
    expect(flags).toContain(`${holder}.gitMinor=36`);
    expect(flags).toContain(`${holder}.gitTreeState=clean`);
    expect(flags).toContain(`${holder}.buildDate=2026-07-22T18:07:38Z`);
  }
});

test('a version variable is set to the version of the module', () => {
  const module = { path: 'example.org/a', version: 'v2.0.0', versionVariables: ['example.org/a/version.Version'] };
  expect(linkerFlags(module, '')).toBe('-X example.org/a/version.Version=v2.0.0');
});
