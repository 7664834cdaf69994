import { attempt, run } from './command.ts';

const families = ['ip', 'ip6'] as const;
const comment = 'keelson-lab';

/**
 * With br_netfilter what passes between two ports of a bridge also passes this computer's own forward filter, and
 * container runtimes close that one by default. Where there is such a filter, the lab's bridge is let through.
 */
export async function allowOnBridge(bridge: string): Promise<void> {
  for (const family of families) {
    const chain = await attempt(['nft', 'list', 'chain', family, 'filter', 'FORWARD']);
    if (chain.code !== 0 || chain.stdout.includes(`iifname "${bridge}" oifname "${bridge}"`)) continue;
    const rule = `insert rule ${family} filter FORWARD iifname "${bridge}" oifname "${bridge}" accept comment "${comment}"`;
    await run(['nft', '-f', '-'], { stdin: `${rule}\n` });
  }
}

export async function removeAllowance(bridge: string): Promise<void> {
  for (const family of families) {
    const chain = await attempt(['nft', '--handle', 'list', 'chain', family, 'filter', 'FORWARD']);
    for (const handle of allowanceHandles(chain.stdout, bridge)) {
      await attempt(['nft', 'delete', 'rule', family, 'filter', 'FORWARD', 'handle', handle]);
    }
  }
}

/** Handles of the lab's own rules in the output of `nft --handle list chain`. */
export function allowanceHandles(chain: string, bridge: string): string[] {
  const own = chain.split('\n').filter((line) => line.includes(`"${bridge}"`) && line.includes(`comment "${comment}"`));
  return own.flatMap((line) => / # handle (\d+)$/.exec(line)?.[1] ?? []);
}
