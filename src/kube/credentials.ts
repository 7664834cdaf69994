import type { Secret } from '../model/secret.ts';
import { parseCertificate } from '../model/x509.ts';
import type { Clock } from '../ports/clock.ts';

/** All PEM. */
export interface KubeCredentials {
  /** The certificate authority that the API servers' certificates must come from. */
  ca: string;
  /** Our own certificate, for clientAuth. */
  cert: string;
  key: Secret;
}

/** Asked when the first call needs it, and again before the certificate it gave expires. */
export type CredentialsSource = () => Promise<KubeCredentials>;

export interface CurrentCredentials extends KubeCredentials {
  /** Until when a new call may begin with them. Milliseconds since 1970. */
  goodUntil: number;
}

/**
 * An API server looks at the client's certificate again at every request, also on a connection that it already knows: from its end
 * on it would answer 401. So a connection is used no more when less than this is left, which a call must not outlast.
 */
const MARGIN_MS = 60_000;

export function currentCredentials(source: CredentialsSource, clock: Clock): () => Promise<CurrentCredentials> {
  let known: CurrentCredentials | null = null;
  let asked: Promise<CurrentCredentials> | null = null;

  async function renew(): Promise<CurrentCredentials> {
    const given = await source();
    const end = Date.parse(parseCertificate(given.cert).notAfter);
    known = { ...given, goodUntil: end - MARGIN_MS };
    return known;
  }

  return () => {
    if (known !== null && clock.now().getTime() < known.goodUntil) return Promise.resolve(known);
    // Calls that run side by side need one certificate between them.
    asked ??= renew().finally(() => {
      asked = null;
    });
    return asked;
  };
}
