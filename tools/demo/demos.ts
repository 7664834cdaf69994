import type { BundleContent } from '../../lab/bundle/index.ts';

/** What `make demo` makes, by TOPOLOGY. Each has machines, vault and places of its own, so that several can be up. */
export interface Demo {
  /** Of the lab, and of the folder below ~/.cache/keelson that the configuration names. */
  name: string;
  configFile: string;
  content: BundleContent;
  machines: readonly { name: string; address: string }[];
  /** What becomes of the machines. */
  becomes: string;
}

const etcd: Demo = {
  name: 'demo',
  configFile: 'examples/lab-etcd.yaml',
  content: 'etcd',
  machines: [10, 11, 12].map((last, index) => ({ name: `etcd-${index}`, address: `10.77.0.${last}` })),
  becomes: 'etcd',
};

const stacked: Demo = {
  name: 'demo-stacked',
  configFile: 'examples/lab-stacked.yaml',
  content: 'cluster',
  machines: [
    { name: 'cp-0', address: '10.77.1.20' },
    { name: 'worker-0', address: '10.77.1.30' },
    { name: 'worker-1', address: '10.77.1.31' },
  ],
  becomes: 'a Kubernetes cluster',
};

export const demos: readonly Demo[] = [etcd, stacked];

export type Chosen = { is: 'demo'; demo: Demo } | { is: 'refused'; why: string };

/** Of TOPOLOGY as it was given; nothing is the etcd alone. */
export function chooseDemo(topology: string): Chosen {
  if (topology === '') return { is: 'demo', demo: etcd };
  if (topology === 'stacked') return { is: 'demo', demo: stacked };
  if (topology === 'external-full') {
    const why =
      'TOPOLOGY=external-full is not there yet: keelson makes control planes with a stacked etcd alone so far.';
    return { is: 'refused', why };
  }
  return {
    is: 'refused',
    why: `TOPOLOGY=${topology} is no demo; there are TOPOLOGY=stacked, and none for an etcd alone.`,
  };
}
