import { InvalidArgumentError } from 'commander';
import type { CommandSpec, OptionSpec } from './define.ts';
import { parseDuration } from './duration.ts';

// The whole command line as a table. Help, the reference page and completion are made from it.

export const globalOptions: readonly OptionSpec[] = [
  {
    flags: '-f, --file <FILE>',
    description: 'the cluster’s configuration; - is standard input',
    values: 'files',
    fallback: './cluster.yaml',
  },
  {
    flags: '--vault <DIR>',
    description: 'folder of the cluster’s vault (default: .keelson/CLUSTER beside the configuration)',
    values: 'folders',
  },
  {
    flags: '--identity <FILE>',
    description: 'age identity that opens the vault (default: the one made on first use)',
    values: 'files',
  },
  {
    flags: '-o, --output <FORMAT>',
    description: 'human, json or yaml; documents carry apiVersion and kind',
    choices: ['human', 'json', 'yaml'],
    fallback: 'human',
  },
  { flags: '-v, --verbose', description: 'more details; with errors, the output of what failed' },
  { flags: '--no-color', description: 'no colours (as NO_COLOR; FORCE_COLOR forces them)' },
  { flags: '-y, --yes', description: 'answer yes to every question; needed off a terminal' },
  {
    flags: '--timeout <DURATION>',
    description: 'give up after this time, at the next safe boundary: 90s, 10m, 1h30m',
    parse: (text) => {
      const ms = parseDuration(text);
      if (ms === null) throw new InvalidArgumentError('Write a duration like 90s, 10m or 1h30m.');
      return { ms, text };
    },
  },
];

function collect(text: string, previous: unknown): unknown {
  return [...(Array.isArray(previous) ? previous : []), text];
}

const except: OptionSpec = {
  flags: '--except <HOST>',
  description: 'a machine that may be left out when it cannot be reached; repeatable',
  values: 'hosts',
  parse: collect,
};

export const commands: readonly CommandSpec[] = [
  {
    name: 'init',
    summary: 'Write a commented cluster.yaml',
    details:
      'From flags, or from questions at a terminal. An existing file is never overwritten without --force. -o json tells the path that was written.',
    options: [
      { flags: '--name <NAME>', description: 'the cluster’s name' },
      { flags: '--kubernetes-version <VERSION>', description: 'for example v1.36.3' },
      {
        flags: '--host <NAME=ADDRESS>',
        description: 'a machine for etcd, for example etcd-0=10.77.0.10; repeatable',
        parse: collect,
      },
      {
        flags: '--control-plane <NAME=ADDRESS>',
        description: 'a control plane, for example cp-0=10.77.0.20',
        parse: collect,
      },
      {
        flags: '--worker <NAME=ADDRESS>',
        description: 'a worker, for example worker-0=10.77.0.30; repeatable',
        parse: collect,
      },
      {
        flags: '--endpoint <HOST:PORT>',
        description: 'where the API server is reached (default: the control plane’s address)',
      },
      {
        flags: '--topology <TOPOLOGY>',
        description: 'where etcd runs (default: external with --host, else stacked on the control planes)',
        choices: ['external', 'stacked'],
      },
      { flags: '--user <NAME>', description: 'SSH login name (default: root)' },
      {
        flags: '--source <SOURCE>',
        description: 'where programs come from',
        choices: ['packages', 'bundle', 'preinstalled'],
      },
      { flags: '--bundle <DIR>', description: 'folder of the bundle, with --source bundle', values: 'folders' },
      { flags: '--force', description: 'overwrite an existing file' },
    ],
    examples: [
      { says: 'Answer a few questions', line: 'keelson init' },
      {
        says: 'An etcd of three machines, from flags alone',
        line: 'keelson init --name lab --host etcd-0=10.77.0.10 --host etcd-1=10.77.0.11 --host etcd-2=10.77.0.12',
      },
      {
        says: 'A cluster of a control plane and two workers',
        line: 'keelson init --name lab --control-plane cp-0=10.77.0.20 --worker worker-0=10.77.0.30 --worker worker-1=10.77.0.31 --bundle ./bundle',
      },
      { says: 'To standard output', line: 'keelson init -f - --name lab --host etcd-0=10.77.0.10' },
    ],
    load: async () => (await import('./commands/init.ts')).init,
  },
  {
    name: 'hosts',
    summary: 'Work with the machines of the configuration',
    examples: [],
    commands: [
      {
        name: 'trust',
        summary: 'Show each machine’s host key and record it on confirmation',
        details:
          'Compare the fingerprints with what the machines’ consoles show before you say yes. Nothing else ever accepts an unknown key. A key that differs from the recorded one is never replaced: that is exit code 5.',
        arguments: [
          { name: '[HOST...]', description: 'machines (default: all of the configuration)', values: 'hosts' },
        ],
        options: [
          {
            flags: '--fingerprint <HOST=FINGERPRINT>',
            description:
              'expected fingerprint, SHA256:...; recorded without a question when it is the one shown; repeatable',
            parse: collect,
          },
        ],
        examples: [
          { says: 'Look, compare, say yes', line: 'keelson hosts trust' },
          {
            says: 'In a script, with fingerprints known from elsewhere',
            line: 'keelson hosts trust --fingerprint etcd-0=SHA256:n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg',
          },
          { says: 'Trust whatever answers now', line: 'keelson hosts trust --yes' },
        ],
        load: async () => (await import('./commands/hosts-trust.ts')).hostsTrust,
      },
    ],
  },
  {
    name: 'check',
    summary: 'Look whether the machines are fit, all findings at once',
    details: 'Writes nothing. Exit code 3 when a finding is an error.',
    examples: [
      { says: 'Before the first apply', line: 'keelson check' },
      {
        says: 'Codes of all errors',
        line: `keelson check -o json | jq -r '.findings[] | select(.severity == "error") | .code'`,
      },
    ],
    load: async () => (await import('./commands/check.ts')).check,
  },
  {
    name: 'plan',
    summary: 'Show what apply would change, host by host',
    details:
      'Writes nothing on any machine. A plan that is refused by a safety rule is exit code 5. Before a founding it also shows what makes machines unfit, for which apply would refuse it: exit code 3.',
    options: [
      { flags: '--diff', description: 'show the differences of files, not only their sizes' },
      { flags: '--out <FILE>', description: 'also write the plan to a file, for keelson apply FILE', values: 'files' },
      { flags: '--detailed-exitcode', description: 'exit code 2 when there are changes, 0 when there are none' },
      { flags: '--restart-founding', description: 'plan to start a founding over that never had a quorum' },
    ],
    examples: [
      { says: 'What would change', line: 'keelson plan' },
      { says: 'With the contents of files', line: 'keelson plan --diff' },
      {
        says: 'Save it, have it read by somebody else, then run just that',
        line: 'keelson plan --out change.plan && keelson apply change.plan',
      },
      { says: 'In CI: fail when machines have drifted', line: 'keelson plan --detailed-exitcode' },
    ],
    load: async () => (await import('./commands/plan.ts')).plan,
  },
  {
    name: 'apply',
    summary: 'Make it so: show the plan, ask, run it, verify',
    details:
      'May be interrupted and run again at any moment: it looks at the machines and goes on. The first Ctrl-C ends at the next safe boundary, the second at once. With PLANFILE it plans again, and refuses when the configuration differs or a step is needed that the file does not hold; what is already done is skipped. With -o json the result is one document on standard output, and events are JSON lines on standard error.',
    arguments: [{ name: '[PLANFILE]', description: 'a plan written by keelson plan --out', values: 'files' }],
    options: [
      { flags: '--diff', description: 'show the differences of files in the plan' },
      { flags: '--restart-founding', description: 'start a founding over, with a new token, that never had a quorum' },
    ],
    examples: [
      { says: 'See the plan, say yes', line: 'keelson apply' },
      { says: 'Without questions', line: 'keelson apply --yes' },
      { says: 'A plan that was agreed on', line: 'keelson apply change.plan --yes' },
    ],
    load: async () => (await import('./commands/apply.ts')).apply,
  },
  {
    name: 'status',
    summary: 'Show members, leader, quorum, API servers, nodes, certificates and what is wrong',
    details:
      'Exit code 3 when the cluster is not healthy. Without the vault’s identity it shows what the machines show.',
    examples: [
      { says: 'How is it', line: 'keelson status' },
      { says: 'Every certificate and member id', line: 'keelson status -v' },
      { says: 'How many failures it tolerates now', line: 'keelson status -o json | jq .etcd.quorum.tolerates' },
      {
        says: 'Nodes that are not Ready, where there are nodes',
        line: "keelson status -o json | jq -r '.kubernetes.nodes[] | select(.ready != true).name'",
      },
    ],
    load: async () => (await import('./commands/status.ts')).status,
  },
  {
    name: 'kubeconfig',
    summary: 'Write an admin kubeconfig for the operator, or merge it into yours',
    details:
      'Issues a client certificate from the Kubernetes CA in the vault (group kubeadm:cluster-admins, which RBAC makes administrators) and asks no machine. Nobody can take it back before it ends: keep the file to yourself, and give --validity what the work needs. The file has mode 0600. An entry of another cluster with the same name is never replaced. -o json tells paths and names, and never the key.',
    options: [
      {
        flags: '--out <FILE>',
        description: 'where to write; - is standard output (default: CLUSTER.kubeconfig in this folder)',
        values: 'files',
      },
      {
        flags: '--merge',
        description: 'into the first file of KUBECONFIG, or ~/.kube/config, beside what it holds',
      },
      { flags: '--use', description: 'with --merge: make it the current context, also where there is one' },
      { flags: '--user <NAME>', description: 'the user’s name in the certificate (default: kubernetes-admin)' },
      {
        flags: '--validity <DURATION>',
        description:
          'how long the certificate is good: 24h, 8760h (default: spec.pki.leafValidity; with --super-admin 24h)',
      },
      {
        flags: '--super-admin',
        description: 'group system:masters, above all RBAC: for the day on which roles themselves are broken',
      },
    ],
    examples: [
      { says: 'A file for this cluster', line: 'keelson kubeconfig && kubectl --kubeconfig lab.kubeconfig get nodes' },
      { says: 'Into the kubeconfig that kubectl uses', line: 'keelson kubeconfig --merge --use' },
      {
        says: 'For a colleague, for a day',
        line: 'keelson kubeconfig --user alice --validity 24h --out alice.kubeconfig',
      },
    ],
    load: async () => (await import('./commands/kubeconfig.ts')).kubeconfig,
  },
  {
    name: 'render',
    summary: 'Write every file of every host into a folder, without touching a host',
    details: 'Private keys are never written. What only a machine can make is named in its place.',
    arguments: [{ name: '<DIR>', description: 'an empty or new folder', values: 'folders' }],
    options: [{ flags: '--force', description: 'write into a folder that holds something' }],
    examples: [
      { says: 'Look at everything that would be on the machines', line: 'keelson render ./out && find ./out -type f' },
    ],
    load: async () => (await import('./commands/render.ts')).render,
  },
  {
    name: 'runs',
    summary: 'List the journal: what ran, when, by whom, how it ended',
    options: [
      {
        flags: '--limit <N>',
        description: 'only the newest ones',
        parse: (text) => {
          if (!/^[1-9][0-9]{0,6}$/.test(text)) throw new InvalidArgumentError('Write a whole number.');
          return Number(text);
        },
      },
    ],
    examples: [
      { says: 'All runs, newest first', line: 'keelson runs' },
      {
        says: 'The last one that failed',
        line: `keelson runs -o json | jq -r '[.runs[] | select(.outcome == "failed")][0].run'`,
      },
    ],
    load: async () => (await import('./commands/runs.ts')).runs,
    commands: [
      {
        name: 'show',
        summary: 'Show one run: each step, how long it took, what it said',
        arguments: [{ name: '<ID>', description: 'id of the run; last is the newest', values: 'runs' }],
        examples: [
          { says: 'The newest run, with notes and outputs', line: 'keelson runs show last -v' },
          { says: 'One of the list', line: 'keelson runs show 20261121t101500z-3f9a1c' },
        ],
        load: async () => (await import('./commands/runs.ts')).runsShow,
      },
    ],
  },
  {
    name: 'lock',
    summary: 'Show who holds the cluster’s lock, on each machine',
    examples: [{ says: 'Who is at work', line: 'keelson lock' }],
    load: async () => (await import('./commands/lock.ts')).lock,
  },
  {
    name: 'unlock',
    summary: 'Take the lock away from a run whose operator is gone for good',
    details:
      'Needs the id of the run that keelson lock shows. It raises the fencing number on all machines, so that the old run can write nothing more, and ends its running commands. Refused while a machine cannot be reached, unless it is left out by --except.',
    arguments: [{ name: '<ID>', description: 'id of the run that holds the lock' }],
    options: [except],
    examples: [
      { says: 'After keelson lock has shown the id', line: 'keelson unlock 20261121t101500z-3f9a1c' },
      { says: 'While etcd-2 is down', line: 'keelson unlock 20261121t101500z-3f9a1c --except etcd-2' },
    ],
    load: async () => (await import('./commands/lock.ts')).unlock,
  },
  {
    name: 'reset',
    summary: 'Remove what keelson made on machines: data, keys and all',
    details:
      'All machines of the cluster, or those named when they are no longer members: a current member alone is refused (exit code 5), and so is a machine of another cluster. Confirmed by typing the cluster’s name, or by --confirm NAME.',
    arguments: [
      {
        name: '[HOST...]',
        description:
          'machines that are no longer members, as NAME or NAME=ADDRESS where the vault does not know it (default: the whole cluster)',
        values: 'hosts',
      },
    ],
    options: [
      { flags: '--confirm <NAME>', description: 'the cluster’s name; needed off a terminal' },
      {
        flags: '--except <HOST>',
        description: 'a machine that is left as it is, for example because it is gone for good; repeatable',
        values: 'hosts',
        parse: collect,
      },
      { flags: '--diff', description: 'show the differences of files in the plan' },
    ],
    examples: [
      { says: 'The whole cluster, asked for its name', line: 'keelson reset' },
      { says: 'In a script', line: 'keelson reset --confirm lab' },
    ],
    load: async () => (await import('./commands/reset.ts')).reset,
  },
  {
    name: 'completion',
    summary: 'Print a completion script for a shell',
    arguments: [{ name: '<SHELL>', description: 'bash, zsh or fish', choices: ['bash', 'zsh', 'fish'] }],
    examples: [
      { says: 'bash, in this shell', line: 'source <(keelson completion bash)' },
      { says: 'zsh, for good', line: 'keelson completion zsh > "${fpath[1]}/_keelson"' },
      { says: 'fish, for good', line: 'keelson completion fish > ~/.config/fish/completions/keelson.fish' },
    ],
    load: async () => (await import('./commands/completion.ts')).completion,
  },
  {
    name: 'version',
    summary: 'Show the version',
    examples: [{ says: 'For a script', line: 'keelson version -o json | jq -r .version' }],
    load: async () => (await import('./commands/version.ts')).version,
  },
];
