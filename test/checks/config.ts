import { parse } from 'yaml';
import { parseConfig } from '../../src/config/parse.ts';
import { ClusterConfig } from '../../src/config/schema.ts';

/** Of a file without faults. Building blocks are tested before a file that asks for all of them is taken. */
export function configOf(text: string): ClusterConfig {
  const parsed = parseConfig(text, 'cluster.yaml');
  const faults = parsed.ok ? [] : parsed.problems.filter(({ code }) => code !== 'config.not-yet');
  if (faults.length > 0) throw new Error(`the configuration of this test is wrong: ${JSON.stringify(faults)}`);
  return ClusterConfig.parse(parse(text));
}
