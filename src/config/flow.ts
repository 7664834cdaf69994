import { stringify } from 'yaml';

/** A value on one line of YAML: `[etcd]`, `"10000"`, `8Gi`. */
export function flow(value: unknown): string {
  return stringify(value, {
    collectionStyle: 'flow',
    flowCollectionPadding: false,
    lineWidth: 0,
    blockQuote: false,
    // Else a line break in a text would be one in the file too.
    doubleQuotedAsJSON: true,
  }).trimEnd();
}
