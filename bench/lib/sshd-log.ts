/** What one machine's sshd did for a case, as it logs it at LogLevel VERBOSE. */
export interface SshdCounts {
  /** Logins that succeeded. */
  readonly connects: number;
  /** Commands, shells and subsystems that were started over them. */
  readonly executions: number;
  /** Connections that sshd would not take (MaxStartups). */
  readonly refused: number;
  /** Of the first connection, in seconds since 1970. */
  readonly first: number | undefined;
}

/** Reads lines of `journalctl -o short-unix`, leaving out those before `since` (seconds since 1970). */
export function countSshd(journal: string, since: number): SshdCounts {
  let [connects, executions, refused] = [0, 0, 0];
  let first: number | undefined;
  for (const line of journal.split('\n')) {
    const [, time, text] = /^(\d+\.\d+) \S+ sshd(?:-session)?\[\d+\]: (.*)$/.exec(line) ?? [];
    if (text === undefined || Number(time) < since) continue;
    if (text.startsWith('Connection from ')) first ??= Number(time);
    else if (/^Accepted \S+ for /.test(text)) connects += 1;
    else if (text.startsWith('Starting session: ')) executions += 1;
    else if (/^(drop connection |error: beginning MaxStartups)/.test(text)) refused += 1;
  }
  return { connects, executions, refused, first };
}

export function sumSshd(counts: readonly SshdCounts[]): SshdCounts {
  const total = (of: (one: SshdCounts) => number): number => counts.reduce((sum, one) => sum + of(one), 0);
  const firsts = counts.flatMap(({ first }) => (first === undefined ? [] : [first]));
  return {
    connects: total((one) => one.connects),
    executions: total((one) => one.executions),
    refused: total((one) => one.refused),
    first: firsts.length === 0 ? undefined : Math.min(...firsts),
  };
}

/** Bytes that nft's counters saw, in the order of the rules. */
export function parseCounters(ruleset: string): number[] {
  return [...ruleset.matchAll(/counter packets \d+ bytes (\d+)/g)].map(([, bytes]) => Number(bytes));
}
