import type { ConfigRule } from './types.ts';

export const cniManifests: ConfigRule = (draft) => {
  const cni = draft.spec?.network?.cni;
  if (cni === undefined) return [];
  const given = cni.manifests !== undefined && cni.manifests.length > 0;
  const path = ['spec', 'network', 'cni', 'manifests'];
  if (cni.kind === 'manifest' && !given && !('manifests' in cni && cni.manifests === undefined)) {
    return [
      {
        code: 'config.cni',
        path: path.slice(0, -1),
        message: 'has no manifests',
        action: 'name the files to apply, such as manifests: [./cni/calico.yaml]',
      },
    ];
  }
  if (cni.kind !== 'manifest' && given) {
    return [
      {
        code: 'config.cni',
        path,
        message: 'are used with kind: manifest alone',
        action: 'set kind: manifest, or remove them',
      },
    ];
  }
  return [];
};
