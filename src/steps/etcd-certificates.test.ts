import { describe, expect, it } from 'vitest';
import { type Drift, spoil } from '../../test/scenarios/sim/drift.ts';
import { runningCluster } from '../../test/scenarios/sim/founded.ts';
import { policy, subjectOf } from '../../test/scenarios/sim/world.ts';
import { etcdCa } from '../desired/certificates.ts';
import type { HostFacts } from '../facts/types.ts';
import { hostId } from '../model/ids.ts';
import { makePlan } from '../operations/run.ts';
import { etcdCertificates } from './etcd-certificates.ts';
import type { View } from './types.ts';

const shape = { members: 3, source: 'preinstalled' } as const;
const on = hostId('etcd-1');

async function seen(drift?: Drift): Promise<View> {
  const sim = await runningCluster(shape, 1);
  if (drift !== undefined) spoil(sim, on, drift);
  const { ports } = sim.process();
  const made = makePlan(subjectOf(shape), ports, { kind: 'apply' }, new AbortController().signal, policy);
  return (await sim.clock.drive(made)).view;
}

function judged(view: View): { risk: string; why: readonly string[] } {
  const check = etcdCertificates.bind({}, on).judge(view);
  if (check.is !== 'needed') return { risk: check.is, why: [] };
  return { risk: check.risk ?? 'as usual', why: check.changes.map((c) => c.summary) };
}

type Files = Extract<HostFacts['files'], { is: 'known' }>['value'];

/** The same view with another picture of the machine's files. */
function withFiles(view: View, change: (files: Files) => Files): View {
  const facts = view.facts.hosts.get(on);
  if (facts?.files.is !== 'known') throw new Error('the files are not known');
  const files = { ...facts.files, value: change(facts.files.value) };
  return { ...view, facts: { ...view.facts, hosts: new Map([...view.facts.hosts, [on, { ...facts, files }]]) } };
}

const withText = (view: View, path: string, text: string): View =>
  withFiles(view, (files) => ({ ...files, text: new Map([...files.text, [path, text]]) }));
const peer = '/etc/kubernetes/pki/etcd/peer.crt';

describe('the certificates of a running member', () => {
  it.each<Drift>([
    'spoil server.crt',
    'spoil peer.crt',
    'remove server.crt',
    'remove peer.key',
    'remove ca.crt',
    'edit ca.crt',
    'remove all certificates',
    'open server.key',
    'mode of peer.crt',
    'put ca.key',
  ])('are mended as a safe thing: %s', async (drift) => {
    expect(judged(await seen(drift)).risk).toBe('safe');
  });

  it('give way with care while somebody may rely on them', async () => {
    const view = await seen();
    const { desired } = view;
    const host = desired.hosts.get(on);
    if (host === undefined) throw new Error('no such host');
    const other = host.certificates.map((spec) => ({ ...spec, dns: [...spec.dns, 'another.name'] }));
    const wanted = { ...desired, hosts: new Map([...desired.hosts, [on, { ...host, certificates: other }]]) };
    expect(judged({ ...view, desired: wanted }).risk).toBe('disruptive');
  });

  it('give way with care when their CA is another, or the file of the CA holds one', async () => {
    const [view, stranger] = [await seen(), (await seen()).desired.caCertificate];
    const peerOf = (v: View): string => {
      const files = v.facts.hosts.get(on)?.files;
      return files?.is === 'known' ? (files.value.text.get(peer) ?? '') : '';
    };
    // A leaf is no CA of ours, but it is a certificate that somebody has put there.
    expect(judged(withText(view, etcdCa.certPath, peerOf(view))).risk).toBe('disruptive');
    const both = `${stranger}${peerOf(view)}`;
    expect(judged(withText(view, etcdCa.certPath, both)).risk).toBe('disruptive');
  });

  it('are damaged when the CA’s signature on them is not right any more', async () => {
    const view = await seen();
    const files = view.facts.hosts.get(on)?.files;
    const good = files?.is === 'known' ? (files.value.text.get(peer) ?? '') : '';
    // The last bytes are the signature's.
    const bad = good.replace(/(.)(.)(.{6})\n-----END/, (_all, a: string, b: string, rest: string) => {
      return `${a}${b === 'A' ? 'B' : 'A'}${rest}\n-----END`;
    });
    expect(bad).not.toBe(good);
    expect(judged(withText(view, peer, bad))).toEqual({
      risk: 'safe',
      why: [`replace ${peer}: the CA’s signature on it is not right`],
    });
  });

  it('show what of the CA’s file differs', async () => {
    const view = withText(await seen(), etcdCa.certPath, 'no certificate\n');
    const check = etcdCertificates.bind({}, on).judge(view);
    if (check.is !== 'needed') throw new Error(check.is);
    const [change] = check.changes;
    expect(change?.summary).toBe(`change ${etcdCa.certPath}`);
    expect(change?.diff).toContain('-no certificate');
    expect(change?.diff).toContain('+-----BEGIN CERTIFICATE-----');
  });
});
