import { KeelsonError } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';

/** Questions to a person at a terminal. An answer of Ctrl-C rejects with `interrupted`. */
export interface Prompter {
  readonly confirm: (question: string) => Promise<boolean>;
  readonly text: (question: string, initial: string, check?: (answer: string) => string | undefined) => Promise<string>;
  readonly password: (question: string) => Promise<Secret>;
}

/** The real one, on standard input and standard error: standard output is for data. */
export function terminalPrompter(): Prompter {
  // Loaded with the first question: most commands ask none.
  const load = () => import('@clack/prompts');
  const streams = { input: process.stdin, output: process.stderr };
  return {
    confirm: async (question) => {
      const { confirm, isCancel } = await load();
      const answer = await confirm({ message: question, initialValue: false, ...streams });
      if (isCancel(answer)) throw interrupted();
      return answer;
    },
    text: async (question, initial, check) => {
      const { text, isCancel } = await load();
      const answer = await text({
        message: question,
        initialValue: initial,
        ...(check === undefined ? {} : { validate: (value: string | undefined) => check(value ?? '') }),
        ...streams,
      });
      if (isCancel(answer)) throw interrupted();
      return answer ?? '';
    },
    password: async (question) => {
      const { password, isCancel } = await load();
      const answer = await password({ message: question, ...streams });
      if (isCancel(answer)) throw interrupted();
      return new Secret(answer ?? '');
    },
  };
}

function interrupted(): KeelsonError {
  return new KeelsonError('interrupted', 'interrupted at a question; nothing was changed');
}
