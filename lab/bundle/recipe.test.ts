import { expect, test } from 'vitest';
import { clusterRecipe } from './cluster-recipe.ts';
import {
  etcdRecipe,
  imageReference,
  moduleVersionOfReference,
  parseImageList,
  type Recipe,
  versionOfReference,
} from './recipe.ts';

// What kubeadm v1.36.3 prints; the line without a name is one of its warnings.
const printed = `W1121 13:24:01.000000    4242 version.go:108] could not fetch a version
registry.k8s.io/kube-apiserver:v1.36.3
registry.k8s.io/coredns/coredns:v1.14.2
registry.k8s.io/pause:3.10.2
registry.k8s.io/etcd:3.6.8-0
`;

test('image names come from what kubeadm prints', () => {
  const references = parseImageList(printed);
  expect([...references.keys()]).toEqual(['kube-apiserver', 'coredns', 'pause', 'etcd']);
  expect(imageReference(references, 'etcd')).toBe('registry.k8s.io/etcd:3.6.8-0');
  expect(() => imageReference(references, 'kube-proxy')).toThrow('kubeadm names no image "kube-proxy"');
  expect(imageReference(references, 'flannel', 'example.org/flannel:v1.0.0')).toBe('example.org/flannel:v1.0.0');
});

test.each([
  ['registry.k8s.io/etcd:3.6.8-0', '3.6.8'],
  ['registry.k8s.io/pause:3.10.2', '3.10.2'],
  ['registry.k8s.io/coredns/coredns:v1.14.2', '1.14.2'],
])('%s is version %s', (reference, version) => {
  expect(versionOfReference(reference)).toBe(version);
});

test('a tag that is no version is refused', () => {
  expect(() => versionOfReference('registry.k8s.io/etcd:latest')).toThrow('no version as its tag');
});

test('an etcd that was published is built as itself, one that was not by its stand-in', () => {
  expect(moduleVersionOfReference('registry.k8s.io/etcd:3.6.8-0')).toBe('v3.6.8');
  expect(moduleVersionOfReference('registry.k8s.io/etcd:3.6.6-0')).toBe('v3.6.5');
});

const recipes: readonly [string, Recipe][] = [
  ['etcd', etcdRecipe],
  ['cluster', clusterRecipe],
];

test.each(recipes)('the tables of %s fit together: all are needed, and no two share a name or a place', (_, recipe) => {
  const { goModules, goPrograms, debianPrograms, images } = recipe;
  const inImages = images.flatMap((image) => Object.keys(image.programs));
  const rows = [...goPrograms, ...debianPrograms];
  const names = rows.map((row) => row.name);
  expect(new Set(names).size).toBe(names.length);
  expect(inImages.filter((name) => name !== 'pause' && !names.includes(name))).toEqual([]);
  expect(rows.filter((row) => row.install === undefined && !inImages.includes(row.name))).toEqual([]);
  const places = rows.flatMap((row) => row.install ?? []);
  expect(new Set(places).size).toBe(places.length);
  expect(places.filter((place) => !/^\/(usr\/local\/s?bin|opt\/cni\/bin)\/[a-z0-9-]+$/.test(place))).toEqual([]);
  expect(new Set(goPrograms.map((row) => row.module))).toEqual(new Set(Object.keys(goModules)));
  expect(new Set(images.map((image) => image.name)).size).toBe(images.length);
});

test('what an etcd bundle has, a cluster bundle has too, from the same builds', () => {
  expect(clusterRecipe.goModules).toMatchObject(etcdRecipe.goModules);
  for (const table of ['goPrograms', 'debianPrograms', 'images'] as const) {
    expect(clusterRecipe[table]).toEqual(expect.arrayContaining([...etcdRecipe[table]]));
  }
});

test('etcd machines need neither a C compiler nor a base file system for their bundle', () => {
  const modules: Recipe['goModules'] = etcdRecipe.goModules;
  expect(Object.values(modules).filter((module) => module.cgo)).toEqual([]);
  expect((etcdRecipe as Recipe).images.filter((image) => image.base !== undefined)).toEqual([]);
});

test('each link of an image leads to a program of the same image', () => {
  for (const { base } of clusterRecipe.images) {
    const targets = Object.values(base?.links ?? {});
    expect(targets.filter((target) => !base?.programs.includes(target))).toEqual([]);
  }
});
