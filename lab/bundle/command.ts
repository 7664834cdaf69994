import { spawn } from 'node:child_process';

export interface CommandOptions {
  readonly cwd?: string;
  /** Added to this process' own environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** How much of a failed command's output its error carries. */
const shownLines = 40;

/** Runs a program to its end and gives its standard output; any other end than exit 0 throws with what it said. */
export function run(argv: readonly [string, ...string[]], options: CommandOptions = {}): Promise<string> {
  const [program, ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', (error) => reject(new Error(`${program} could not be started: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) {
        resolve(stdout);
        return;
      }
      const said = `${stdout}${stderr}`.trimEnd().split('\n').slice(-shownLines).join('\n');
      reject(new Error(`${argv.join(' ')}\nended with ${signal ?? `exit status ${code}`}:\n${said}`));
    });
  });
}
