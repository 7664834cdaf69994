import { Agent, request } from 'node:https';
import { isIPv6 } from 'node:net';
import type { Machine } from '../../lab/index.ts';

// etcd as any other client sees it: its JSON gateway, over HTTPS from this computer. It shares no code with keelson's own
// client, so that what keelson says of a cluster can be held against it.

export interface GatewayMember {
  readonly id: string;
  readonly name: string;
  readonly isLearner: boolean;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
}

export interface GatewayStatus {
  readonly clusterId: string;
  readonly memberId: string;
  /** '0' when the member sees none. */
  readonly leader: string;
  readonly version: string;
}

/** One member. Every question rejects when it is not answered well within its time. */
export interface EtcdGateway {
  readonly name: string;
  readonly put: (key: string, value: string) => Promise<void>;
  /** All keys with a prefix; by quorum, or from what this member has. */
  readonly list: (prefix: string, serializable?: boolean) => Promise<ReadonlyMap<string, string>>;
  readonly status: () => Promise<GatewayStatus>;
  readonly members: () => Promise<readonly GatewayMember[]>;
  /** `hash at revision`, of everything up to that revision. */
  readonly hash: (revision: string) => Promise<string>;
  readonly revision: () => Promise<string>;
  readonly close: () => void;
}

export interface ClientCredentials {
  readonly ca: string;
  /** Without them it is nobody. */
  readonly cert?: string;
  readonly key?: string;
}

/** What a machine has for asking its own etcd: a client that the cluster's members accept. */
export async function clientCredentials(machine: Machine): Promise<ClientCredentials> {
  const pki = '/etc/kubernetes/pki/etcd';
  const [ca, cert, key] = await Promise.all([
    machine.readFile(`${pki}/ca.crt`),
    machine.readFile(`${pki}/healthcheck-client.crt`),
    machine.readFile(`${pki}/healthcheck-client.key`),
  ]);
  return { ca, cert, key };
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const plain = (text: string): string => Buffer.from(text, 'base64').toString('utf8');

export function etcdGateway(
  name: string,
  address: string,
  credentials: ClientCredentials,
  options: { readonly port?: number; readonly timeoutMs?: number } = {},
): EtcdGateway {
  const agent = new Agent({ keepAlive: true, maxSockets: 8, ...credentials });
  const base = `https://${isIPv6(address) ? `[${address}]` : address}:${options.port ?? 2379}`;
  const ask = async (path: string, question: object): Promise<Answer> => {
    const { status, text } = await post(agent, `${base}${path}`, question, options.timeoutMs ?? 4_000);
    if (status !== 200) throw new Error(`${name}: ${path}: ${status} ${text.trim()}`);
    return JSON.parse(text) as Answer;
  };
  return {
    name,
    put: async (key, value) => {
      await ask('/v3/kv/put', { key: base64(key), value: base64(value) });
    },
    list: async (prefix, serializable = false) => {
      const answer = await ask('/v3/kv/range', { key: base64(prefix), range_end: base64(endOf(prefix)), serializable });
      return new Map((answer.kvs ?? []).map((kv) => [plain(kv.key), plain(kv.value ?? '')]));
    },
    status: async () => {
      const answer = await ask('/v3/maintenance/status', {});
      return {
        clusterId: answer.header.cluster_id,
        memberId: answer.header.member_id,
        leader: answer.leader ?? '0',
        version: answer.version ?? '',
      };
    },
    members: async () => {
      const { members = [] } = await ask('/v3/cluster/member/list', {});
      return members.map((m) => ({
        id: BigInt(m.ID).toString(16),
        name: m.name ?? '',
        isLearner: m.isLearner === true,
        peerUrls: m.peerURLs ?? [],
        clientUrls: m.clientURLs ?? [],
      }));
    },
    hash: async (revision) => {
      const { hash, compact_revision: compacted = '-1' } = await ask('/v3/maintenance/hashkv', { revision });
      return `${hash} from ${compacted} to ${revision}`;
    },
    revision: async () => (await ask('/v3/kv/range', { key: base64('\0'), count_only: true })).header.revision ?? '0',
    close: () => agent.destroy(),
  };
}

/** 64-bit numbers are strings in the gateway's JSON. */
interface Answer {
  readonly header: { cluster_id: string; member_id: string; revision?: string };
  readonly kvs?: readonly { key: string; value?: string }[];
  readonly leader?: string;
  readonly version?: string;
  readonly hash?: number;
  readonly compact_revision?: string;
  readonly members?: readonly {
    ID: string;
    name?: string;
    isLearner?: boolean;
    peerURLs?: string[];
    clientURLs?: string[];
  }[];
}

/** The first key behind all that begin with the prefix, of ASCII characters. */
function endOf(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}

function post(agent: Agent, url: string, body: object, timeoutMs: number): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const asked = request(url, { method: 'POST', agent, signal }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (more: string) => {
        text += more;
      });
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    asked.on('error', reject);
    asked.end(JSON.stringify(body));
  });
}
