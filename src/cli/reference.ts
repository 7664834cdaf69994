import type { Argument, Command, Option } from 'commander';
import { examplesOf } from './define.ts';
import { buildProgram } from './program.ts';

/** docs/reference/cli.md, made from the tree of commands. */
export function cliReference(): string {
  const program = buildProgram(async () => undefined, { out: () => undefined, err: () => undefined, columns: 80 });
  const all = leaves(program);
  return `# Command line

<!-- Generated from src/cli/commands.ts by npm run generate. Do not edit. -->

${[
  '`keelson COMMAND [flags]`. Data goes to standard output, progress and remarks to standard error. Nothing is ever asked off a terminal: the command then names the flag that is needed.',
  list(all),
  '## Flags of every command',
  optionTable(program.options.filter((o) => o.long !== '--version')),
  EXIT_CODES,
  DOCUMENTS,
  ...all.map(section),
].join('\n\n')}
`;
}

const EXIT_CODES = `## Exit codes

| code | meaning |
|---|---|
| 0 | ok |
| 1 | error |
| 2 | changes pending (\`plan --detailed-exitcode\`) |
| 3 | unhealthy (\`status\`, \`check\`) |
| 4 | lock held |
| 5 | refused by a safety rule |
| 130 | interrupted |`;

const DOCUMENTS = `## Documents

With \`-o json\` (or \`yaml\`) standard output holds one document with \`apiVersion: keelson.dev/v1alpha1\` and a \`kind\`: Plan, Run, RunList, Status, CheckReport, LockState, Unlocked, HostKeys, Init, Rendered or Version. Fields are added, never renamed or removed, while the version is v1alpha1.

A command that fails writes a document of kind Error, with \`-o json\` in one line, to standard error: \`error.code\`, \`error.message\`, \`error.action\`, where known \`error.where\`, \`error.host\`, \`error.step\`, \`error.output\` and \`error.findings\`, and \`exitCode\`. Codes are in [errors.md](errors.md).

While \`apply\` and \`reset\` run, each event is one line of JSON on standard error, as it stands in the journal; the document of kind Run follows on standard output at the end, however the run ended. These two never ask with \`-o json\`: give \`--yes\`, or \`--confirm\`.`;

function leaves(command: Command): Command[] {
  const own = command.registeredArguments.length > 0 || command.commands.length === 0 || examplesOf(command).length > 0;
  const children = command.commands.flatMap(leaves);
  return command.parent !== null && own ? [command, ...children] : children;
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

function list(all: readonly Command[]): string {
  const rows = all.map((c) => `| [\`${pathOf(c)}\`](#${pathOf(c).replaceAll(' ', '-')}) | ${cell(c.summary())} |`);
  return ['| command | does |', '|---|---|', ...rows].join('\n');
}

function section(command: Command): string {
  const usage = [
    pathOf(command),
    ...command.registeredArguments.map(argumentTerm),
    command.options.length > 0 ? '[flags]' : '',
  ];
  const parts = [
    `## ${pathOf(command)}`,
    command.description(),
    `\`${usage.filter((part) => part !== '').join(' ')}\``,
  ];
  if (command.registeredArguments.length > 0) {
    const rows = command.registeredArguments.map((a) => `| \`${argumentTerm(a)}\` | ${cell(a.description)} |`);
    parts.push(['| argument | |', '|---|---|', ...rows].join('\n'));
  }
  if (command.options.length > 0) parts.push(optionTable(command.options));
  const examples = examplesOf(command).map(({ says, line }) => `# ${says}\n${line}`);
  if (examples.length > 0) parts.push(`\`\`\`console\n${examples.join('\n\n')}\n\`\`\``);
  return parts.join('\n\n');
}

function argumentTerm(argument: Argument): string {
  const name = argument.variadic ? `${argument.name()}...` : argument.name();
  return argument.required ? name : `[${name}]`;
}

function optionTable(options: readonly Option[]): string {
  const rows = options.map((o) => {
    const preset =
      o.defaultValue === undefined || typeof o.defaultValue === 'boolean' ? '' : ` (default: ${o.defaultValue})`;
    return `| \`${o.flags.replaceAll(/[<>]/g, '')}\` | ${cell(o.description)}${preset} |`;
  });
  return ['| flag | |', '|---|---|', ...rows].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
