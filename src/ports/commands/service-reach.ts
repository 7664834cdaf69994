import { type ReadCommand, readCommand, script } from '../command.ts';

/**
 * Whether a machine reaches the cluster's Services through its own kube-proxy and the pod network: `api=ok` when the API's Service accepts a
 * connection, `dns=HEX` with the first bytes of the answer to a DNS question over TCP (the length, then the header), nothing for what
 * does not answer in time.
 */
export function serviceReach(api: string, dns: string, name: string): ReadCommand {
  const text = [
    `timeout 3 bash -c 'exec 3<>"/dev/tcp/$0/443"' "$1" 2>/dev/null && echo api=ok`,
    // printf reads the escapes of the question, which holds no percent sign.
    `h=$(timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/53" && printf "$1" >&3 && head -c 14 <&3 | od -An -v -tx1 | tr -d " \\n"' "$2" "$3" 2>/dev/null)`,
    '[ -z "$h" ] || echo "dns=$h"; exit 0',
  ].join('\n');
  return readCommand('service-reach', script(text, [api, dns, question(name)]), { timeoutMs: 15_000 });
}

/** A question for the A records of a name, as DNS over TCP has it, each byte escaped. RFC 1035, section 4. */
function question(name: string): string {
  const labels = name.split('.').flatMap((label) => [label.length, ...new TextEncoder().encode(label)]);
  const message = [0x4b, 0x4c, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1];
  const framed = [message.length >> 8, message.length & 0xff, ...message];
  return framed.map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}

/** Why the machine does not reach them; null when it does. */
export function reachProblem(stdout: string): string | null {
  const problems: string[] = [];
  if (!/^api=ok$/m.test(stdout)) problems.push('the Service kubernetes.default accepts no connection');
  const [, header] = /^dns=([0-9a-f]{28})$/m.exec(stdout) ?? [];
  if (header === undefined) problems.push('the cluster’s DNS does not answer');
  else {
    const code = Number.parseInt(header.slice(10, 12), 16) & 0x0f;
    const answers = Number.parseInt(header.slice(16, 20), 16);
    if (code !== 0 || answers === 0)
      problems.push(`the cluster’s DNS does not know kubernetes.default.svc (code ${code})`);
  }
  return problems.length === 0 ? null : problems.join('; ');
}
