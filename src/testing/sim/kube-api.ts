import { KeelsonError } from '../../model/errors.ts';
import type { KubeApi } from '../../ports/kube-api.ts';

/** No simulated machine runs an API server yet. */
export function simKubeApi(): KubeApi {
  const nobody = ({ on }: { on: string }) =>
    Promise.reject(new KeelsonError('kube.not-listening', `nothing listens on the API server’s port of ${on}`));
  return {
    get: nobody,
    list: nobody,
    apply: nobody,
    mergePatch: nobody,
    create: nobody,
    remove: nobody,
    evict: nobody,
    podLog: nobody,
    readyz: nobody,
    version: nobody,
    servedCertificate: nobody,
  };
}
