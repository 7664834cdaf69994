import { spawn } from 'node:child_process';
import { kernelNames } from '../../lab/paths.ts';
import type { CgroupMeter } from './cgroup.ts';

/** Watches one member from inside its machine's network, the same way whoever makes it. */
export interface Prober {
  /** When the member first said that it is healthy, in seconds since 1970. */
  readonly healthyAt: Promise<number>;
  readonly stop: () => void;
}

/**
 * One bash process without children: etcd's /health asks the quorum. It sleeps by waiting for input that never comes, and ends
 * when that is closed, so it does not outlive this process.
 */
const script = `
answer=
ask() {
  exec 3<>/dev/tcp/127.0.0.1/2381 || return 1
  printf 'GET /health HTTP/1.0\\r\\n\\r\\n' >&3
  answer=
  while IFS= read -r -t 1 -u 3 line; do answer+=$line; done
  answer+=$line
  exec 3>&-
  [[ $answer == *'"health":"true"'* ]]
}
echo ready
while :; do
  if ask 2>/dev/null; then echo "$EPOCHREALTIME"; exit 0; fi
  read -r -t 0.03
  (( $? > 128 )) || exit 0
done
`;

/** With the group in which its processor time is counted as the observer's. */
export async function startProber(lab: string, machine: string, meter: CgroupMeter): Promise<Prober> {
  const namespace = `/run/netns/${kernelNames(lab).namespace(machine)}`;
  // A bash with a socket for its input takes itself for a remote login, and reads the user's start-up file.
  const [program, ...args] = meter.join;
  const child = spawn(program, [...args, 'nsenter', `--net=${namespace}`, 'bash', '--norc', '-c', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    detached: true,
  });
  const ready = Promise.withResolvers<void>();
  const healthy = Promise.withResolvers<number>();
  let said = '';
  child.stdin.on('error', () => undefined);
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString('latin1');
    if (said.includes('ready\n')) ready.resolve();
    const time = /^(\d+\.\d+)\n/m.exec(said)?.[1];
    if (time !== undefined) healthy.resolve(Number(time));
  });
  const failed = (): void => {
    const error = new Error(`${machine}: not healthy when its prober was ended`);
    ready.reject(error);
    healthy.reject(error);
  };
  child.once('error', failed);
  child.once('close', failed);
  // Nobody may be waiting any more when it is stopped.
  healthy.promise.catch(() => undefined);
  await ready.promise;
  return { healthyAt: healthy.promise, stop: () => child.stdin.end() };
}
