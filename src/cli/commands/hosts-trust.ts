import { KeelsonError } from '../../model/errors.ts';
import type { HostKeyScan, ScannedHost, TrustRequest } from '../../operations/trust.ts';
import type { Handler } from '../define.ts';
import { openOptions } from '../open.ts';
import type { Session } from '../session.ts';
import { count } from '../views/human/text.ts';
import { hostKeyLines } from '../views/human/trust.ts';
import { document } from '../views/json/document.ts';

/** A jump host has to be known before what is behind it can be asked; a chain of more is not met with. */
const ROUNDS = 4;

export const hostsTrust: Handler = async (session, [hosts], options) => {
  const { recordScanned, refuseChangedKeys, scanCluster, unrecorded } = await import('../../operations/trust.ts');
  const open = await openOptions(session);
  const request: TrustRequest = {
    hosts: hosts as readonly string[],
    fingerprints: parseFingerprints(options.fingerprint),
  };
  const recorded = new Set<string>();
  for (let round = 1; ; round += 1) {
    const scan = await scanCluster(open, request, session.interruption.cancel);
    session.tell(hostKeyLines(scan, session.err).join('\n'));
    refuseChangedKeys(scan);
    const fresh = unrecorded(scan);
    if (fresh.length > 0) {
      await mayRecord(session, fresh);
      await recordScanned(scan, fresh);
      for (const { place } of fresh) recorded.add(place);
    }
    if (!fresh.some((f) => f.host === null) || !behindJumpHost(scan) || round === ROUNDS)
      return finish(session, scan, recorded);
  }
};

/** Some machine could not be asked because a jump host on the way was not known yet. */
function behindJumpHost({ scanned }: HostKeyScan): boolean {
  return scanned.some(({ result }) => result.is === 'failed' && result.error.code === 'host.key-unknown');
}

/** Without a question when each shows the key that was expected of it. */
async function mayRecord(session: Session, fresh: readonly ScannedHost[]): Promise<void> {
  const open = fresh.filter(({ result }) => result.is === 'seen' && result.matches !== true);
  if (open.length === 0 || session.options.yes) return;
  const prompter = session.ask('--yes, or --fingerprint HOST=FINGERPRINT for each machine');
  const question = `Have you compared? Record ${count(open.length, 'key')} as ${open.map((f) => f.host ?? f.place).join(', ')}?`;
  if (!(await prompter.confirm(question)))
    throw new KeelsonError('usage', 'nothing was recorded', {
      action: 'Compare the fingerprints with those that the machines’ consoles show.',
    });
}

async function finish(session: Session, scan: HostKeyScan, recorded: ReadonlySet<string>): Promise<number> {
  const hosts = scan.scanned.map(({ host, place, result }) => ({
    host,
    place,
    recorded: recorded.has(place) ? 'now' : result.is === 'seen' ? 'before' : 'no',
    keys: result.is === 'seen' ? result.keys.map(({ type, fingerprint }) => ({ type, fingerprint })) : [],
    ...(result.is === 'failed' ? { error: result.error.toJSON() } : {}),
  }));
  const failed = scan.scanned.flatMap(({ result }) => (result.is === 'failed' ? [result.error] : []));
  await session.print(document('HostKeys', { cluster: scan.cluster, file: scan.knownHostsFile, hosts }), () => [
    recorded.size > 0 ? `${count(recorded.size, 'key')} recorded in ${scan.knownHostsFile}.` : 'Nothing new to record.',
    ...(failed.length > 0 ? [] : ['next: keelson check']),
  ]);
  const [first] = failed;
  if (first !== undefined) throw first;
  return 0;
}

function parseFingerprints(given: unknown): Map<string, string> {
  const list = (given ?? []) as readonly string[];
  return new Map(
    list.map((text) => {
      const [, host, fingerprint] = /^([^=]+)=(SHA256:[A-Za-z0-9+/]{43})=?$/.exec(text) ?? [];
      if (host === undefined || fingerprint === undefined) {
        throw new KeelsonError('usage', `${JSON.stringify(text)} is not HOST=SHA256:...`, {
          action: 'ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub on the machine shows it.',
        });
      }
      return [host, fingerprint];
    }),
  );
}
