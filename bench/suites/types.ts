import type { AnsibleFound } from '../contenders/ansible.ts';
import type { Quietness, RecordFile } from '../lib/records.ts';

/** What all benchmarks are given. */
export interface Bench {
  readonly bundle: string;
  readonly kubernetesVersion: string;
  readonly keelsonVersion: string;
  readonly python: string;
  readonly ansible: AnsibleFound;
  readonly rounds: number;
  /** Disturbed rounds count. */
  readonly anyLoad: boolean;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  readonly records: RecordFile;
}

export interface CaseResult {
  readonly metrics: Readonly<Record<string, number>>;
  readonly quiet: Quietness;
  /** For the line of progress. */
  readonly summary: string;
}

export interface Case {
  readonly name: string;
  readonly run: () => Promise<CaseResult>;
}

export interface Suite {
  readonly name: string;
  readonly run: (bench: Bench) => Promise<void>;
}
